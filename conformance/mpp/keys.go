package mpp

import (
	"bytes"
	"crypto/rand"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

func keys(t conformance.Target) {
	It("keeps two keys apart, and those of each session", conformance.Claims("ST-KEY-K1K2"), func(ctx SpecContext) {
		e := open(t)
		one, two := e.enrol(ctx), e.enrol(ctx)
		first := e.request(one)
		a, _ := e.expectAccepted(ctx, one, first, "a first session")
		again := e.request(two, func(r *oracle.Request) {
			r.S, r.Nonce, r.Ephemeral = first.Request.S, first.Request.Nonce, first.Request.Ephemeral
		})
		b, _ := e.expectAccepted(ctx, two, again, "a second session of a phone that uses its S, nonce and ephemeral key again")
		Expect(bytes.Equal(point(a.Body), point(b.Body))).To(BeFalse(), "two sessions have the same ephemeral key of the EPS")
		_, err := first.Open(b.Body, e.now())
		Expect(err).To(Equal(oracle.BadEcho), "the answer to a second session, taken for that of the first")
		conformance.Observe("the answers open with K_t for the tag and K_c for W, derived under two labels; a phone that repeats S, nonce and ephemeral key still gets an answer under a new key, by a new ephemeral key of the EPS")
	})

	It("refuses secrets of another length", conformance.Claims("ST-KEY-K1K2"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		tries := e.lengths(c)
		e.expectRefused(ctx, tries...)
		e.expectDelivered(ctx, c, "a secret of the right length, with the same code")
		conformance.Observe("%d secrets of 0 to 64 bytes that make no AES key got the uniform refusal; then the code still worked", len(tries))
	})
}

// point is where an answer carries the EPS's ephemeral key: at the end of its header,
// which begins behind 3 bytes and has 134.
func point(answer []byte) []byte { return answer[3+134-65 : 3+134] }

// lengths are requests whose S is no key.
func (e eps) lengths(c people.User) []try {
	GinkgoHelper()
	var tries []try
	for _, n := range []int{0, 1, 8, 15, 17, 31, 33, 64} {
		s := e.request(c, func(r *oracle.Request) { r.S = make([]byte, n); rand.Read(r.S) })
		tries = append(tries, try{fmt.Sprintf("a secret of %d bytes", n), s.Body})
	}
	return tries
}

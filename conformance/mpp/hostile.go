package mpp

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

func changed(t conformance.Target, p conformance.Profile) {
	It("refuses a request with any bit changed", conformance.Claims("ST-6.5-M2"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		body := e.request(c).Body
		at := positions(len(body), p)
		var tries []try
		for _, i := range at {
			tries = append(tries, try{fmt.Sprintf("a request with byte %d changed", i), flip(body, i)})
		}
		expectUnchanged(ctx, t, func() { expectRandom(e.expectRefused(ctx, tries...)) })
		e.expectDelivered(ctx, c, "the same code in a request as it was sent")
		conformance.Observe("a request of %d bytes with a bit changed at %d positions: the uniform refusal each time, nothing changed in the store, and the code still worked", len(body), len(at))
	})

	It("refuses requests put together by others than the phone", conformance.Claims("ST-6.5-M2"), func(ctx SpecContext) {
		e := open(t)
		one, two := e.enrol(ctx), e.enrol(ctx)
		a, b := e.request(one), e.request(two)
		tries := slices.Concat(spliced(a.Body, b.Body), e.fields(a.Body), e.versions(one), e.paddings(one))
		for _, t := range respelt(a.Body) {
			tries = append(tries, try{"spelt otherwise: " + t.what, t.body})
		}
		expectUnchanged(ctx, t, func() { e.expectRefused(ctx, tries...) })
		e.expectAccepted(ctx, one, a, "the first request as it was sent")
		e.expectAccepted(ctx, two, b, "the second request as it was sent")
		e.expectNewest(ctx, e.enrol(ctx))
		conformance.Observe("%d requests spliced of two sessions, with a field of the header replaced, spelt in another encoding, with another version or padding: the uniform refusal each time, nothing changed in the store, and both originals were still good", len(tries))
	})

	It("answers what is no request with a problem", conformance.Claims("ST-6.5-M2"), func(ctx SpecContext) {
		e := open(t)
		s := e.request(e.enrol(ctx))
		large := append(slices.Clone(s.Body), make([]byte, maxRequest)...)
		expectUnchanged(ctx, t, func() {
			answer := e.send(ctx, large)[0]
			expectProblem(answer, "a request above the limit of bytes", http.StatusRequestEntityTooLarge)
		})
		conformance.Observe("a request of %d bytes gets 413 and a problem document, and nothing changed in the store", len(large))
	})
}

// maxRequest is the limit of PROTOCOL.md §1, in bytes.
const maxRequest = 4096

// expectNewest: a phone that also speaks an older version is not talked down to it.
func (e eps) expectNewest(ctx context.Context, c people.User) {
	GinkgoHelper()
	s := e.request(c, func(r *oracle.Request) { r.Lowest = 1 })
	e.expectAccepted(ctx, c, s, "a phone that speaks versions 1 and 2")
}

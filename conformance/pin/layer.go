package pin

import (
	"bytes"
	"context"
	"math/bits"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// layer holds the specs on TOK under the PIN: what a phone gets, and what opens it.
func layer(t conformance.Target, n size) {
	It("encrypts the token's secret under the PIN", conformance.Claims("ST-6.1-a"), func(ctx SpecContext) {
		h := oneHolder(ctx, t, "layer", conformance.EnrolRequest{})
		right, seen := h.tok(h.PIN), map[string]bool{}
		for _, pin := range neighbours(h.PIN) {
			tok := h.tok(pin)
			Expect(tok).To(HaveLen(len(right)), "length of TOK under another PIN")
			seen[string(tok)] = true
		}
		Expect(seen).To(HaveLen(len(h.PIN)*9), "different TOKs of the PINs with one digit changed")
		Expect(seen).NotTo(HaveKey(string(right)), "a PIN with one digit changed opens the token")
		conformance.Observe("%d PINs with one digit changed give as many other TOKs of %d bytes", len(seen), len(right))

		h.expectLayer(ctx)
		h.expectHidden(ctx, "TOK", right)
	})
	It("draws what a token is made from anew for each", conformance.Claims("ST-6.1-a"), func(ctx SpecContext) {
		holders := conformance.Together(n.tokens, func(int) *holder { return oneHolder(ctx, t, "drawn", conformance.EnrolRequest{}) })
		seen := map[string]bool{}
		ones, of := 0, 0
		for _, h := range holders {
			c := h.Grant.Inner().C
			for block := range slices.Chunk(c, 8) {
				Expect(seen).NotTo(HaveKey(string(block)), "eight bytes of a C stand in another place too")
				seen[string(block)] = true
				ones, of = ones+bitsSet(block), of+8*len(block)
			}
		}
		Expect(ones).To(BeHalfOf(of), "bits of C that are set")
		conformance.Observe("C of %d tokens: no eight bytes occur twice, and %d of %d bits are set, as chance would have it", len(holders), ones, of)
	})
	It("derives the key of the layer from PIN, salt and iterations as declared", conformance.Claims("ST-KEY-KEK"), func(ctx SpecContext) {
		salts := map[string]bool{}
		for _, suite := range n.suites {
			h := oneHolder(ctx, t, "kek", conformance.EnrolRequest{Suite: suite})
			in := h.Grant.Inner()
			Expect(in.KDF).To(Equal(oracle.PBKDF2), "derivation of the KEK")
			Expect(in.Iterations).To(Equal(declared(t).KDFIterations), "iterations that the phone is told, and those that are declared")
			salts[string(in.Salt)] = true
			other := neighbours(h.PIN)[len(h.PIN)*9-1]
			Expect(h.accepts(ctx, h.with(other))).To(BeFalse(), "%s: the OTP of another PIN is accepted", suite)
			Expect(h.login(ctx)).To(BeTrue(), "%s: the OTP of the KEK that was recomputed from the PIN is refused", suite)
			conformance.Observe("%s: KEK of %d iterations over a %d-byte salt opens C of %d bytes to a TOK whose OTP is accepted; that of another PIN is refused",
				suite, in.Iterations, len(in.Salt), len(in.C))
		}
		Expect(salts).To(HaveLen(len(n.suites)), "salts of as many tokens")
	})
	It("makes no OTP without the PIN", conformance.Claims("RGS-RègleDéverrouillage"), func(ctx SpecContext) {
		type seen struct{ around, right bool }
		tries := conformance.Together(len(withoutPIN), func(i int) seen {
			h := oneHolder(ctx, t, "unlock", conformance.EnrolRequest{})
			around := h.accepts(ctx, h.Suite.OTP(withoutPIN[i].secret(h), h.Moving()))
			return seen{around, h.login(ctx)}
		})
		for i, s := range tries {
			Expect(s.around).To(BeFalse(), "%s gives an OTP that is accepted", withoutPIN[i].name)
		}
		for _, s := range tries {
			Expect(s.right).To(BeTrue(), "the OTP of the right PIN is refused")
		}
		conformance.Observe("%d ways around the PIN give refused OTPs, each on a token of its own that then accepts the right one", len(withoutPIN))
	})
}

func bitsSet(b []byte) (n int) {
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return n
}

// withoutPIN is what a thief of the phone would try first.
var withoutPIN = []struct {
	name   string
	secret func(*holder) []byte
}{
	{"C used as the key", func(h *holder) []byte { return h.Grant.Inner().C }},
	{"W used as the key", func(h *holder) []byte { return h.Grant.W }},
	{"the salt used as the key", func(h *holder) []byte { return h.Grant.Salt }},
	{"an empty PIN", func(h *holder) []byte { return h.tok("") }},
	{"a PIN of zeros", func(h *holder) []byte { return h.tok(strings.Repeat("0", len(h.PIN))) }},
	{"a PIN without its last digit", func(h *holder) []byte { return h.tok(h.PIN[:len(h.PIN)-1]) }},
	{"a PIN with another last digit", func(h *holder) []byte { return h.tok(neighbours(h.PIN)[len(h.PIN)*9-1]) }},
	{"a PIN with another first digit", func(h *holder) []byte { return h.tok(neighbours(h.PIN)[0]) }},
}

// neighbours are the PINs that differ from pin in one digit.
func neighbours(pin string) []string {
	var all []string
	for i := range pin {
		for add := range 9 {
			other := []byte(pin)
			other[i] = '0' + (other[i]-'0'+byte(add)+1)%10
			all = append(all, string(other))
		}
	}
	return all
}

// expectLayer: what came to the phone is of use with the PIN, and not without.
func (h *holder) expectLayer(ctx context.Context) {
	GinkgoHelper()
	in, d := h.Grant.Inner(), declared(h.target)
	Expect(in.C).To(HaveLen((in.TOKLength+15)/16*16), "C is as long as TOK, in whole blocks: there is no room for a checksum")
	Expect(in.Salt).To(HaveLen(16), "salt")
	Expect(in.KDF).To(Equal(oracle.PBKDF2), "derivation of the KEK")
	Expect(in.Iterations).To(BeNumerically(">=", d.KDFIterations), "iterations of the KDF")
	Expect(bytes.Equal(in.C[:in.TOKLength], h.tok(h.PIN))).To(BeFalse(), "C is TOK in clear")
	Expect(h.accepts(ctx, h.Suite.OTP(in.C[:in.TOKLength], h.Moving()))).To(BeFalse(), "C used as the key gives an OTP that is accepted")
	Expect(h.login(ctx)).To(BeTrue(), "the OTP of the right PIN is refused")
}

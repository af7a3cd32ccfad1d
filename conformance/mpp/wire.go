package mpp

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
)

// longPIN does not occur by chance in a recording.
func longPIN(r *conformance.EnrolRequest) { r.PINDigits = 12 }

func recorded(t conformance.Target) {
	It("shows nothing to who records a session below TLS", conformance.Claims("ST-6.5-M1"), func(ctx SpecContext) {
		e := open(t)
		c, other := e.enrol(ctx, longPIN), e.enrol(ctx)
		s := e.request(c)
		answer, grant := e.expectAccepted(ctx, c, s, "the session that is recorded")
		tok, err := grant.Inner().TOK(c.PIN)
		Expect(err).NotTo(HaveOccurred(), "TOK")
		tape := []hunt.Place{{Name: "the request", Data: s.Body}, {Name: "the answer", Data: answer.Body}, {Name: "its headers", Data: []byte(headers(answer.Header))}}
		for _, p := range tape {
			Expect(p.Data).NotTo(containBytes(c.Locator()), "the locator of the code, in clear in %s", p.Name)
		}
		hunt.For(
			hunt.Digits("the PIN", c.PIN), hunt.Digits("the digits of the code", c.Digits()), hunt.Bytes("the code", []byte(c.RegistrationCode)),
			hunt.Bytes("C", grant.Inner().C), hunt.Bytes("TOK", tok), hunt.Bytes("the token's id", []byte(c.Token)),
		).ExpectNothing(tape)

		_, err = s.Rogue().Open(answer.Body, e.now())
		Expect(err).To(HaveOccurred(), "the answer opens with keys that are not its own")
		stranger := e.request(other)
		e.expectAccepted(ctx, other, stranger, "another session")
		_, err = stranger.Open(answer.Body, e.now())
		Expect(err).To(HaveOccurred(), "the answer opens with the keys of another session")
		conformance.Observe("looked for in request, headers and answer: code, PIN, C, TOK and the token's id; the answer opens with no keys but its own")
	})
}

package mpp

import (
	"bytes"
	"context"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// story is one provisioning, and what was to be seen of it. Its steps are judged apart,
// so none of it asserts.
type story struct {
	eps
	who     people.User
	session session
	answer  conformance.Answer
	grant   oracle.Grant
	refusal error // of the phone
	calls   trace // to the EPS's HSM, where they can be seen
	err     error
}

// tell provisions one user by a version of the protocol.
func tell(ctx context.Context, t conformance.Target, version int) story {
	GinkgoHelper()
	e := eps{t, t.(conformance.Enroller), t.(conformance.Provisioner), version}
	if !e.serves(version) {
		return story{eps: e} // each step says so
	}
	s := story{eps: e, who: e.enrol(ctx)}
	s.session = e.honest(s.who)
	tracer, traced := e.Target.(conformance.HSMTracer)
	mark := 0
	if traced {
		mark = tracer.Mark()
	}
	s.answer, s.err = e.post(ctx, source(), s.session.Sent())
	if traced {
		s.calls = ofEPS(tracer.Calls(mark))
	}
	s.grant, s.refusal = s.session.Open(s.answer.Body, e.now())
	return s
}

func flow(t conformance.Target, p conformance.Profile) {
	Context("the flow of seed 000 §6.3", Ordered, ContinueOnFailure, func() {
		var s story
		BeforeAll(func(ctx SpecContext) { s = tell(ctx, t, 2) })

		It("2: answers under the keys that the phone has chosen", conformance.Claims("ST-6.3-2"), func() {
			s.expectOpened()
			_, err := s.session.(*oracle.Session).Rogue().Open(s.answer.Body, s.now())
			Expect(err).To(Equal(oracle.BadTag), "the answer opens with the keys of another S")
			conformance.Observe("the answer opens, and W unwraps, with the keys derived from the phone's own S; with those of another S the tag does not check")
		})

		It("3: takes keys and code in one block under its public key", conformance.Claims("ST-6.3-3"), func() {
			s.expectOpened()
			Expect(s.session.Sent()).NotTo(containBytes(s.who.Locator()), "the locator is in the request in clear")
			Expect(s.session.Sent()).NotTo(containBytes(s.who.Digits()), "the code is in the request in clear")
			conformance.Observe("a request of %d bytes with one RSA block of %d; neither part of the registration code is in it in clear",
				len(s.session.Sent()), s.Pinned().Key.Size())
		})

		It("4: opens them in the HSM with its private key", conformance.Claims("ST-6.3-4"), func(ctx SpecContext) {
			s.expectOpened()
			private := expectPrivateKey(ctx, t, s.Pinned().Key, pkcs11.CKA_UNWRAP, nil)
			secret := s.calls.expectOneUse(private)
			derived := s.calls.derivedFrom(secret)
			Expect(derived).To(HaveLen(2), "keys derived from S in the HSM")
			conformance.Observe("of %d calls to the HSM one uses the private key: C_UnwrapKey to a handle that cannot leave, from which 2 keys are derived there; the private key is sensitive, was never extractable, and may unwrap and nothing else",
				len(s.calls))
		})

		It("5: finds the token by the code", conformance.Claims("ST-6.3-5"), func(ctx SpecContext) {
			s.expectOpened()
			Expect(s.grant.Token == s.who.Token).To(BeTrue(), "the grant names the token that was enrolled")
			Expect(s.state(ctx, s.who)).To(Equal(conformance.Public("provisioned")), "state of the token")
			conformance.Observe("the grant names the token of the user's enrolment, which is now provisioned")
		})

		It("6: encrypts the token again under K1, then authenticates it under K2", conformance.Claims("ST-6.3-6"), func() {
			s.expectOpened()
			s.calls.expectWrappedThenSigned()
			conformance.Observe("W was made by C_WrapKey under K_c of C, both handles that never were on the host, before the last HMAC by C_Sign under K_t; neither key can leave the HSM or do anything else; the tag covers the header with version, suite, key id and request hash")
		})

		It("8: sends what the phone authenticates", conformance.Claims("ST-6.3-8"), func() {
			s.expectAuthenticated(p)
		})
	})
}

// expectAuthenticated is step 8: no change of the answer passes.
func (s story) expectAuthenticated(p conformance.Profile) {
	GinkgoHelper()
	s.expectOpened()
	at := positions(len(s.answer.Body), p)
	for _, i := range at {
		_, err := s.session.Open(flip(s.answer.Body, i), s.now())
		Expect(err).To(HaveOccurred(), "byte %d of the answer was changed, and the phone accepts it", i)
	}
	for n := range len(s.answer.Body) {
		_, err := s.session.Open(s.answer.Body[:n], s.now())
		Expect(err).To(HaveOccurred(), "an answer cut to %d bytes is accepted", n)
	}
	conformance.Observe("the phone accepts the answer of %d bytes, and refuses it with a bit changed at %d positions, and cut to each shorter length",
		len(s.answer.Body), len(at))
}

// expectOpened is where each step begins.
func (s story) expectOpened() {
	GinkgoHelper()
	if !s.serves(s.version) {
		conformance.Undeclared("MPP v%d is off", s.version)
	}
	Expect(s.err).NotTo(HaveOccurred(), "the request got no answer")
	Expect(s.refusal).NotTo(HaveOccurred(), "the phone does not accept the answer")
}

// containBytes matches a byte string that has text in it.
func containBytes(text string) *containing { return &containing{text} }

type containing struct{ text string }

func (c *containing) Match(actual any) (bool, error) {
	return bytes.Contains(actual.([]byte), []byte(c.text)), nil
}
func (c *containing) FailureMessage(any) string        { return "is not there" }
func (c *containing) NegatedFailureMessage(any) string { return "is there" }

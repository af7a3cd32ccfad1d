package mpp

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

func mutual(t conformance.Target) {
	It("is the only one who can answer, and answers only who has a code", conformance.Claims("ST-6.3-auth"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		s := e.request(c)
		guess := c
		guess.RegistrationCode = c.Locator() + "-" + rotated(c.Digits())
		e.expectRefused(ctx, try{"a phone without the code", e.request(guess).Body})
		answer, grant := e.expectAccepted(ctx, c, s, "the phone with the code")
		e.expectRefused(ctx, try{"the same request again", s.Body})
		_, err := e.request(c).Open(answer.Body, e.now())
		Expect(err).To(Equal(oracle.BadEcho), "an old answer, sent to a new request")
		expectRogue(e, s, grant)
		conformance.Observe("without the code: refused; the same request again: refused; an old answer to a new request, and the answer of an EPS that has all but the private key: the phone refuses both, and accepts what only the holder of S could make")
	})
}

// expectRogue: who has seen everything but S cannot answer; who has S can, which shows
// that it is S that counts.
func expectRogue(e eps, s *oracle.Session, grant oracle.Grant) {
	GinkgoHelper()
	c := make([]byte, grant.CLength)
	for name, attempt := range map[string]struct {
		from *oracle.Session
		want error
	}{"an EPS without the private key": {s.Rogue(), oracle.BadTag}, "an EPS that knows S": {s, nil}} {
		forged, err := attempt.from.Answer(grant, c)
		if err != nil {
			conformance.Broken("%s cannot answer: %v", name, err)
		}
		_, err = s.Open(forged, e.now())
		if attempt.want == nil {
			Expect(err).NotTo(HaveOccurred(), "the answer of %s", name)
			continue
		}
		Expect(err).To(Equal(attempt.want), "the answer of %s", name)
	}
}

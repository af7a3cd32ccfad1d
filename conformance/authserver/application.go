package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// application is the way of the modelled product: its suite, from enrolment to a response.
func application(t conformance.Target) {
	It("accepts, once, what a phone answers that was enrolled for challenges", conformance.Claims("RFC6287-7.1"), func(ctx SpecContext) {
		answersFromPhone(ctx, t)
	})
}

func answersFromPhone(ctx context.Context, t conformance.Target) {
	u := enrolled(ctx, t, "auth-phone", conformance.EnrolRequest{Suite: appSuite})
	h := holder{target: t, service: u.Service, user: u.Name, suite: suiteOf(appSuite)}
	request, err := u.Request(u.RegistrationCode)
	Expect(err).NotTo(HaveOccurred())
	_, grant, err := people.Post(ctx, u.EPS, "", request)
	Expect(err).NotTo(HaveOccurred(), "the token that comes to the phone")
	Expect(conformance.Public(grant.Suite)).To(Equal(conformance.Public(appSuite)), "suite of the token")

	wrong, c := h.asked(ctx), h.asked(ctx)
	at := h.suite.Moving(conformance.Now(t))
	other, err := grant.Response(notThe(u.PIN), oracle.OCRAInput{Question: wrong.Question, Moving: at})
	Expect(err).NotTo(HaveOccurred())
	Expect(h.takes(ctx, wrong.ID, "", other)).To(BeFalse(), "the response of a wrong PIN is accepted")
	right, err := grant.Response(u.PIN, oracle.OCRAInput{Question: c.Question, Moving: at})
	Expect(err).NotTo(HaveOccurred())
	Expect(h.takes(ctx, c.ID, "", right)).To(BeTrue(), "the phone's response is refused")
	Expect(h.takes(ctx, c.ID, "", right)).To(BeFalse(), "the phone's response is accepted a second time")
	conformance.Observe("%s: enrolled, provisioned, asked by %d characters, answered with %d digits: accepted, then refused; the response of a wrong PIN is refused", appSuite, len(c.Question), len(right))
}

// notThe is another PIN of the same length.
func notThe(pin string) string {
	last := pin[len(pin)-1]
	return pin[:len(pin)-1] + string("1032547698"[last-'0'])
}

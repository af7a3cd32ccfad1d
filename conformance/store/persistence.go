package store

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// persistence: TOK outlives the process, and is one for each service.
func persistence(w *world) {
	It("keeps TOK over a restart", conformance.Claims("ST-B7"), func(ctx SpecContext) {
		u := w.equipped(ctx, conformance.EnrolRequest{})
		late := w.enrol(ctx, conformance.EnrolRequest{})
		Expect(u.accepted(ctx, u.otp())).To(BeTrue(), "the OTP of an equipped user is refused")
		Expect(w.Target.(conformance.Restarter).Restart(ctx)).To(Succeed(), "restart")
		Expect(u.accepted(ctx, u.otp())).To(BeTrue(), "the next OTP is refused after the restart")
		late.provision(ctx)
		Expect(late.accepted(ctx, late.otp())).To(BeTrue(), "a token delivered after the restart is refused")
		conformance.Observe("after a restart of both servers the next OTP of a phone was accepted, and a token enrolled before was delivered and accepted")
	})
	It("has one TOK for each service", conformance.Claims("ST-B7"), func(ctx SpecContext) {
		here := w.equipped(ctx, conformance.EnrolRequest{})
		there := w.equipped(ctx, conformance.EnrolRequest{User: here.Name, Service: w.services()[1]})
		Expect(here.tok()).NotTo(Equal(there.tok()), "one user has the same TOK at two services")
		Expect(there.accepted(ctx, here.otp())).To(BeFalse(), "an OTP of one service is accepted at the other")
		Expect(there.accepted(ctx, there.otp())).To(BeTrue(), "the service's own OTP is refused")
		Expect(here.accepted(ctx, here.otp())).To(BeTrue(), "the service's own OTP is refused")
		conformance.Observe("one user at two services: two TOKs, and neither service accepts the other's OTPs")
	})
}

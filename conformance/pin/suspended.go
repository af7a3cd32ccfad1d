package pin

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// suspended holds the spec on tokens that the bank has taken out of use for a time.
func suspended(t conformance.Target) {
	It("refuses the right OTP of a suspended token, and takes it when the token is resumed", conformance.Claims("ST-6.1-e"), func(ctx SpecContext) {
		hs := holders(ctx, t, 2, "suspended", conformance.EnrolRequest{})
		each(2, func(i int) { []func(context.Context, *holder){pauses, staysBlocked}[i](ctx, hs[i]) })
		conformance.Observe("while a token is suspended its right OTP gets the answer of a wrong one, byte by byte; resumed, the same OTP is accepted; of a token that was blocked before, suspended and resumed, it stays refused")
	})
}

func pauses(ctx context.Context, h *holder) {
	GinkgoHelper()
	said := h.refusals(ctx, 1)
	h.change(ctx, "suspend")
	v := h.submit(ctx, h.right())
	Expect(v.accepted).To(BeFalse(), "the right OTP of a suspended token is accepted")
	expectOne(append(said, v.text), "answers to a wrong OTP, and to the right one of a suspended token")
	h.change(ctx, "resume")
	Expect(h.login(ctx)).To(BeTrue(), "resumed, the token's right OTP is refused")
}

// staysBlocked: what ends a block takes two operators, so the bank alone cannot.
func staysBlocked(ctx context.Context, h *holder) {
	GinkgoHelper()
	h.block(ctx)
	h.change(ctx, "suspend")
	h.change(ctx, "resume")
	Expect(h.login(ctx)).To(BeFalse(), "suspended and resumed, a blocked token's right OTP is accepted")
}

func (h *holder) change(ctx context.Context, operation string) {
	GinkgoHelper()
	Expect(h.target.(conformance.Enroller).Change(ctx, h.Token, operation)).To(Succeed(), "%s", operation)
}

package pin

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// unlock holds the spec on what ends a block: the bound on guesses holds only as long as
// nobody alone can clear the counts.
func unlock(t conformance.Target) {
	It("clears the counts of a token for two operators together, and not for one", conformance.Claims("RGS-RecomTauxFausseAcceptation"), func(ctx SpecContext) {
		if !t.Capabilities()[conformance.CanUnlock] {
			conformance.Block("needs %s", conformance.CanUnlock)
		}
		h := oneHolder(ctx, t, "unlock", conformance.EnrolRequest{})
		h.block(ctx)
		operators := t.(conformance.Unlocker)
		var asked [2]string
		for i := range asked {
			var err error
			asked[i], err = operators.RequestUnlock(ctx, 0, h.Token)
			Expect(err).NotTo(HaveOccurred(), "the request of an unlock")
		}
		Expect(h.login(ctx)).To(BeFalse(), "one operator's request alone unlocks: the right OTP is accepted")
		for _, request := range asked {
			err := operators.ConfirmUnlock(ctx, 0, request)
			var refused *conformance.Refused
			Expect(errors.As(err, &refused)).To(BeTrue(), "one operator confirms an unlock of his own")
		}
		Expect(h.login(ctx)).To(BeFalse(), "one operator alone unlocks: the right OTP is accepted")
		Expect(operators.ConfirmUnlock(ctx, 1, asked[0])).To(Succeed(), "the confirmation by another operator")
		Expect(h.login(ctx)).To(BeTrue(), "unlocked by two operators, the right OTP is refused")
		conformance.Observe("an operator who asks twice for an unlock and confirms both requests himself is refused, and the token stays blocked; confirmed by another operator, the right OTP is accepted")
	})
}

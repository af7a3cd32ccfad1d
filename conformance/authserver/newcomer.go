package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// activating is a target whose EPS asks for activation, opened by the first spec that wants
// it. It ends with the target beside which it stands.
type activating struct {
	beside conformance.Target
	opened conformance.Target
}

func (a *activating) open(ctx context.Context) conformance.Target {
	GinkgoHelper()
	if !a.beside.Capabilities()[conformance.CanActivate] {
		conformance.Undeclared("activation is not offered")
	}
	if a.opened == nil {
		var err error
		a.opened, err = a.beside.(conformance.Activations).Activating(ctx)
		Expect(err).NotTo(HaveOccurred(), "an EPS that asks for activation")
	}
	return a.opened
}

const pinDigits = 4 // few, so that few failures in all block a token

// newcomer is a user whose token is on his phone, and waits for activation. Suite: that of
// the target where it is empty.
func (a *activating) newcomer(ctx context.Context, suite string) *user {
	GinkgoHelper()
	u := enrolled(ctx, a.open(ctx), "auth-activation", conformance.EnrolRequest{Suite: suite, PINDigits: pinDigits})
	Expect(u.Provision(ctx)).To(Succeed(), "the phone does not accept the answer")
	Expect(u.Grant.Ticket).To(HaveLen(16), "the ticket in the grant")
	return u
}

// newcomers are some, made at the same time.
func (a *activating) newcomers(ctx context.Context, n int) []*user {
	GinkgoHelper()
	a.open(ctx)
	return conformance.Together(n, func(int) *user { return a.newcomer(ctx, "") })
}

// wrong is the n-th OTP of no counter near.
func (u *user) wrong(n int) string {
	GinkgoHelper()
	otps, err := u.Wrong(n + 1)
	Expect(err).NotTo(HaveOccurred(), "wrong OTPs")
	return otps[n]
}

// posts sends an activation and gives the answer, and whether it is the granted one.
func (u *user) posts(ctx context.Context, a oracle.Activation) (conformance.Answer, bool) {
	GinkgoHelper()
	body := a.Body()
	answer, err := u.target.(conformance.Activator).Activate(ctx, "", body)
	Expect(err).NotTo(HaveOccurred(), "an activation got no answer")
	return answer, a.Activated(body, answer.Body)
}

// activates hands an OTP in with the right ticket.
func (u *user) activates(ctx context.Context, otp string) bool {
	GinkgoHelper()
	_, granted := u.posts(ctx, u.Grant.NewActivation(otp))
	return granted
}

func (u *user) state(ctx context.Context) string {
	GinkgoHelper()
	state, err := u.target.(conformance.Enroller).Status(ctx, u.Token)
	Expect(err).NotTo(HaveOccurred(), "state of a token")
	return state
}

// expectWaiting: nothing so far has activated the token.
func (u *user) expectWaiting(ctx context.Context, after string) {
	GinkgoHelper()
	Expect(u.state(ctx)).To(Equal("provisioned"), "%s: state of the token", after)
}

package authserver

import (
	"context"
	"fmt"

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

// newcomer is a user whose token is on his phone, and waits for activation.
type newcomer struct {
	target                    conformance.Target
	service, user, token, pin string
	grant                     oracle.Grant
}

const pinDigits = 4 // few, so that few failures in all block a token

// newcomer enrols and provisions. Suite: that of the target where it is empty.
func (a *activating) newcomer(ctx context.Context, suite string) *newcomer {
	GinkgoHelper()
	t := a.open(ctx)
	u := &newcomer{target: t, service: service(t), user: userNamed("activation")}
	e, err := t.(conformance.Enroller).Enrol(ctx, conformance.EnrolRequest{Service: u.service, User: u.user, Suite: suite, PINDigits: pinDigits})
	Expect(err).NotTo(HaveOccurred(), "enrolment")
	u.token, u.pin = e.Token, e.PIN
	phone := t.(conformance.Provisioner)
	s, err := oracle.Build(phone.Pinned(), e.RegistrationCode, u.service)
	Expect(err).NotTo(HaveOccurred(), "request of a phone")
	answer, err := phone.Provision(ctx, "", s.Body)
	Expect(err).NotTo(HaveOccurred(), "provisioning")
	u.grant, err = s.Open(answer.Body, now(t))
	Expect(err).NotTo(HaveOccurred(), "the phone does not accept the answer")
	Expect(u.grant.Ticket).To(HaveLen(16), "the ticket in the grant")
	return u
}

// newcomers are some, made at the same time.
func (a *activating) newcomers(ctx context.Context, n int) []*newcomer {
	GinkgoHelper()
	a.open(ctx)
	return together(n, func(int) *newcomer { return a.newcomer(ctx, "") })
}

// otp is that of a counter.
func (u *newcomer) otp(counter uint64) string {
	GinkgoHelper()
	otp, err := u.grant.OTP(u.pin, counter)
	Expect(err).NotTo(HaveOccurred(), "an OTP on the phone")
	return otp
}

// wrong is the n-th OTP of no counter near.
func (u *newcomer) wrong(n int) string {
	GinkgoHelper()
	near := map[string]bool{}
	for c := range uint64(4 * declared(u.target).LookAhead) {
		near[u.otp(c)] = true
	}
	for i := 7; ; i += 7919 {
		if otp := fmt.Sprintf("%0*d", len(u.otp(0)), i%1_000_000); !near[otp] {
			if n == 0 {
				return otp
			}
			n--
		}
	}
}

// posts sends an activation and gives the answer, and whether it is the granted one.
func (u *newcomer) posts(ctx context.Context, a oracle.Activation) (conformance.Answer, bool) {
	GinkgoHelper()
	body := a.Body()
	answer, err := u.target.(conformance.Activator).Activate(ctx, "", body)
	Expect(err).NotTo(HaveOccurred(), "an activation got no answer")
	return answer, a.Activated(body, answer.Body)
}

// activates hands an OTP in with the right ticket.
func (u *newcomer) activates(ctx context.Context, otp string) bool {
	GinkgoHelper()
	_, granted := u.posts(ctx, u.grant.NewActivation(otp))
	return granted
}

func (u *newcomer) validates(ctx context.Context, otp string) bool {
	GinkgoHelper()
	return u.asks(ctx, otp).accepted
}

func (u *newcomer) asks(ctx context.Context, otp string) answer {
	GinkgoHelper()
	return answerOf(u.target.(conformance.Validator).Validate(ctx, u.service, u.user, otp))
}

func (u *newcomer) state(ctx context.Context) string {
	GinkgoHelper()
	state, err := u.target.(conformance.Enroller).Status(ctx, u.token)
	Expect(err).NotTo(HaveOccurred(), "state of a token")
	return state
}

// expectWaiting: nothing so far has activated the token.
func (u *newcomer) expectWaiting(ctx context.Context, after string) {
	GinkgoHelper()
	Expect(u.state(ctx)).To(Equal("provisioned"), "%s: state of the token", after)
}

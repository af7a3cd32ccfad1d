package authserver

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// optional: without activation there is no route, and with it the right OTP alone activates.
func optional(t conformance.Target, a *activating) {
	It("activates by the right OTP where activation is asked for, and has no route where it is not", conformance.Claims("ST-2.2.2-b"), func(ctx SpecContext) {
		u := a.newcomer(ctx, "")
		if declared(t).Activation.Tries == 0 {
			expectNoRoute(ctx, t, u.Grant.NewActivation(u.otp(0)).Body())
		}
		u.expectWaiting(ctx, "delivered")
		Expect(u.activates(ctx, u.wrong(0))).To(BeFalse(), "a wrong OTP activates")
		u.expectWaiting(ctx, "after a wrong OTP")
		Expect(u.activates(ctx, u.otp(0))).To(BeTrue(), "the right OTP does not activate")
		Expect(u.state(ctx)).To(Equal("active"), "state of the token after the right OTP")
		Expect(u.validates(ctx, u.otp(1))).To(BeTrue(), "the next OTP of an active token is refused")
		e, ok := a.opened.(conformance.Enroller)
		Expect(ok).To(BeTrue())
		_, err := e.Enrol(ctx, conformance.EnrolRequest{Service: u.Service, User: userNamed("activation"), Suite: appSuite})
		Expect(err).To(BeAssignableToTypeOf(&conformance.Refused{}), "a token that makes no OTP is enrolled")
		conformance.Observe("off, the route answers 404; on, a wrong OTP leaves the token as it is, the right one makes it active, and the next logs in; a token for challenges, which makes no OTP, is not enrolled")
	})
}

// expectNoRoute: the path is as any that nobody knows.
func expectNoRoute(ctx context.Context, t conformance.Target, body []byte) {
	GinkgoHelper()
	answer, err := t.(conformance.Activator).Activate(ctx, "", body)
	Expect(err).NotTo(HaveOccurred(), "an activation where there is none")
	Expect(answer.Status).To(Equal(http.StatusNotFound), "without activation its route is there")
	for _, s := range t.(conformance.Listeners).Surfaces() {
		for _, r := range s.Routes {
			Expect(r.Activation).To(BeFalse(), "without activation %s documents its route", s.Name)
		}
	}
}

// inactive: until then the token is refused like any wrong OTP.
func inactive(t conformance.Target, a *activating) {
	It("refuses a token before its activation like any wrong OTP", conformance.Claims("ACT-inactive"), func(ctx SpecContext) {
		u := a.newcomer(ctx, "")
		stranger := *u.User
		stranger.Name = userNamed("nobody")
		nobody := &user{&stranger, u.target}
		asks := map[string]func(u *user, otp ...string) answer{
			"validation": func(u *user, otp ...string) answer { return u.asks(ctx, otp[0]) },
			"resynchronisation": func(u *user, otp ...string) answer {
				return answerOf(u.target.(conformance.Resynchroniser).Resynchronise(ctx, u.Service, u.Name, otp...))
			},
		}
		for name, ask := range asks {
			unknown := ask(nobody, u.otp(0), u.otp(1))
			wrong, wrongWork := watched(t, func() answer { return ask(u, u.wrong(0), u.wrong(1)) })
			right, rightWork := watched(t, func() answer { return ask(u, u.otp(0), u.otp(1)) })
			Expect(right.accepted).To(BeFalse(), "%s: an OTP is accepted before the activation", name)
			Expect(conformance.Public(right.text)).To(Equal(conformance.Public(wrong.text)), "%s: answer to the right OTP before the activation", name)
			Expect(conformance.Public(right.text)).To(Equal(conformance.Public(unknown.text)), "%s: answer before the activation, against that to an unknown user", name)
			Expect(rightWork).To(Equal(wrongWork), "%s: HSM calls for the right OTP before the activation", name)
		}
		u.expectWaiting(ctx, "after OTPs by other ways")
		Expect(u.activates(ctx, u.otp(0))).To(BeTrue(), "the right OTP does not activate")
		Expect(u.validates(ctx, u.otp(0))).To(BeFalse(), "the OTP that has activated is accepted")
		Expect(u.validates(ctx, u.otp(1))).To(BeTrue(), "the next OTP is refused")
		conformance.Observe("validation and resynchronisation answer to right OTPs of a token that waits as to wrong ones and to an unknown user, with as many HSM calls; the OTP that activates is used up by that")
	})
}

// blocked: activation shares the counts and the lock of the other ways.
func blocked(a *activating) {
	It("counts failures of activation with those of a login, and locks it with them", conformance.Claims("ATK-13"), func(ctx SpecContext) {
		both := a.newcomers(ctx, 2)
		u, v := both[0], both[1]
		limit := declared(u.target).LockAfter
		n := count(conformance.Together(2*limit-1, func(i int) bool {
			if i < limit {
				return u.activates(ctx, u.wrong(i))
			}
			return v.activates(ctx, v.wrong(i))
		}))
		Expect(n).To(BeZero(), "activation: wrong OTPs that are accepted")
		Expect(u.activates(ctx, u.otp(0))).To(BeFalse(), "after a lock by activation, activation accepts the right OTP")
		Expect(u.validates(ctx, u.otp(0))).To(BeFalse(), "after a lock by activation, validation accepts the right OTP")

		Expect(v.activates(ctx, v.otp(0))).To(BeTrue(), "activation: the right OTP is refused after %d failures", limit-1)
		allowed := guessesOf(pinDigits)
		for i := range allowed - (limit - 1) {
			if i%2 == 1 {
				Expect(v.validates(ctx, v.otp(uint64(i)))).To(BeTrue(), "validation: the right OTP is refused after %d failures in all", limit-1+i)
			}
			v.validates(ctx, v.wrong(i))
		}
		Expect(v.validates(ctx, v.otp(2))).To(BeFalse(), "failures by turns on activation and validation do not add up to the %d that a PIN of %d digits bears", allowed, pinDigits)
		conformance.Observe("%d failures of activation block it and the login; failures of both add up to the %d that a PIN of %d digits bears", limit, allowed, pinDigits)
	})
}

// guessesOf is how many failures a PIN bears: 2^-11 of those that are given out.
func guessesOf(digits int) int { return map[int]int{4: 4}[digits] }

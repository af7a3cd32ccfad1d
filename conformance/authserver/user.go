package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/people"
)

// user is one whose token comes from the EPS.
type user struct {
	*people.User
	target conformance.Target
}

// enrolled is a user who has not been at his phone yet.
func enrolled(ctx context.Context, t conformance.Target, purpose string, wish conformance.EnrolRequest) *user {
	GinkgoHelper()
	u := &user{people.New(t.(people.EPS), purpose), t}
	Expect(u.Enrol(ctx, wish)).To(Succeed(), "enrolment")
	return u
}

// otp is that of a counter.
func (u *user) otp(counter uint64) string {
	GinkgoHelper()
	otp, err := u.OTP(counter)
	Expect(err).NotTo(HaveOccurred(), "an OTP on the phone")
	return otp
}

// due is the next OTP of the phone.
func (u *user) due() string {
	GinkgoHelper()
	u.Next++
	return u.otp(u.Next - 1)
}

func (u *user) validates(ctx context.Context, otp string) bool {
	GinkgoHelper()
	return u.asks(ctx, otp).accepted
}

func (u *user) asks(ctx context.Context, otp string) answer {
	GinkgoHelper()
	return answerOf(u.target.(conformance.Validator).Validate(ctx, u.Service, u.Name, otp))
}

// provisions says whether a phone gets the token of a registration code at a node.
func provisions(ctx context.Context, t, node conformance.Target, code string) bool {
	GinkgoHelper()
	s, err := people.New(t.(people.EPS), "phone").Request(code)
	Expect(err).NotTo(HaveOccurred(), "request of a phone")
	answer, _, err := people.Post(ctx, node.(conformance.Provisioner), "", s)
	Expect(answer.Body).NotTo(BeEmpty(), "a phone got no answer: %v", err)
	return err == nil
}

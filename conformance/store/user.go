package store

import (
	"cmp"
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// pinDigits makes PINs that do not occur by chance in what is searched.
const pinDigits = 12

// longSuite makes OTPs of eight digits, for the same reason.
const longSuite = "HOTP-SHA256-8"

// user is somebody with a token, and what the bench knows of it.
type user struct {
	*people.User
	w    *world
	otps []string
	more []hunt.Needle // other values that must be nowhere
}

// enrol has the bank enrol a new user. Zero fields of e are filled in.
func (w *world) enrol(ctx context.Context, e conformance.EnrolRequest) *user {
	GinkgoHelper()
	u := &user{User: people.New(w.Target.(people.EPS), "store"), w: w}
	e.Suite, e.PINDigits = cmp.Or(e.Suite, longSuite), cmp.Or(e.PINDigits, pinDigits)
	Expect(u.Enrol(ctx, e)).To(Succeed(), "enrolment")
	return u
}

func (w *world) enroller() conformance.Enroller { return w.Target.(conformance.Enroller) }

func (w *world) services() []string { return w.enroller().Declared().Services }

// equipped is a new user whose phone has the token.
func (w *world) equipped(ctx context.Context, e conformance.EnrolRequest) *user {
	GinkgoHelper()
	u := w.enrol(ctx, e)
	u.provision(ctx)
	return u
}

// provision lets the user's phone fetch the token.
func (u *user) provision(ctx context.Context) {
	GinkgoHelper()
	Expect(u.Provision(ctx)).To(Succeed(), "the phone opens the answer")
}

// answered is what the phone gets for the user's registration code.
func (u *user) answered(ctx context.Context) (oracle.Grant, error) {
	GinkgoHelper()
	return u.ask(ctx, u.RegistrationCode)
}

// ask sends a request with a registration code, right or wrong.
func (u *user) ask(ctx context.Context, code string) (oracle.Grant, error) {
	GinkgoHelper()
	session, err := u.Request(code)
	Expect(err).NotTo(HaveOccurred(), "the phone builds a request")
	answer, grant, err := people.Post(ctx, u.EPS, "", session)
	Expect(answer.Body).NotTo(BeEmpty(), "provisioning: %v", err)
	u.Session, u.Answer = session, answer.Body
	return grant, err
}

// otp is the user's next OTP.
func (u *user) otp() string {
	GinkgoHelper()
	return u.otpAt(u.Moving())
}

// used is the user's first OTP, of a counter that has gone by.
func (u *user) used() string {
	GinkgoHelper()
	return u.otpAt(u.Grant.Counter)
}

func (u *user) otpAt(moving uint64) string {
	GinkgoHelper()
	otp, err := u.OTP(moving)
	Expect(err).NotTo(HaveOccurred(), "the phone computes an OTP")
	u.otps = append(u.otps, otp)
	return otp
}

// accepted asks the authentication server about an OTP of this user.
func (u *user) accepted(ctx context.Context, otp string) bool {
	GinkgoHelper()
	v, err := u.w.Target.(conformance.Validator).Validate(ctx, u.Service, u.Name, otp)
	Expect(err).NotTo(HaveOccurred(), "validation")
	if v.Accepted {
		u.Next++
	}
	return v.Accepted
}

// tok is TOK, as the phone computes it from C and the PIN.
func (u *user) tok() []byte {
	GinkgoHelper()
	tok, err := u.Grant.Inner().TOK(u.PIN)
	Expect(err).NotTo(HaveOccurred(), "TOK on the phone's side")
	return tok
}

// kek is KEK, made of the PIN.
func (u *user) kek() []byte {
	GinkgoHelper()
	kek, err := u.Grant.Inner().KEK(u.PIN)
	Expect(err).NotTo(HaveOccurred(), "KEK on the phone's side")
	return kek
}

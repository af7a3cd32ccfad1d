package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// pinDigits makes PINs that do not occur by chance in what is searched.
const pinDigits = 12

// longSuite makes OTPs of eight digits, for the same reason.
const longSuite = "HOTP-SHA256-8"

// user is somebody with a token, and what the bench knows of it.
type user struct {
	w *world
	conformance.Enrolled
	service, name, suite string

	session *oracle.Session // of the phone
	request []byte
	answer  []byte
	grant   oracle.Grant
	next    uint64 // HOTP counter
	otps    []string
	more    []hunt.Needle // other values that must be nowhere
}

// enrol has the bank enrol a new user. Zero fields of e are filled in.
func (w *world) enrol(ctx context.Context, e conformance.EnrolRequest) *user {
	GinkgoHelper()
	if e.User == "" {
		e.User = "store-" + strings.ToLower(rand.Text()[:12])
	}
	if e.Service == "" {
		e.Service = w.services()[0]
	}
	if e.Suite == "" {
		e.Suite = longSuite
	}
	e.PINDigits = cmp.Or(e.PINDigits, pinDigits)
	made, err := w.enroller().Enrol(ctx, e)
	Expect(err).NotTo(HaveOccurred(), "enrolment")
	return &user{w: w, Enrolled: made, service: e.Service, name: e.User, suite: e.Suite}
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
	grant, err := u.answered(ctx)
	Expect(err).NotTo(HaveOccurred(), "the phone opens the answer")
	u.grant, u.next = grant, grant.Counter
}

// answered is what the phone gets for the user's registration code.
func (u *user) answered(ctx context.Context) (oracle.Grant, error) {
	GinkgoHelper()
	answer := u.ask(ctx, u.RegistrationCode)
	return u.session.Open(answer, u.w.now())
}

// ask sends a request with a registration code, right or wrong.
func (u *user) ask(ctx context.Context, code string) []byte {
	GinkgoHelper()
	phones := u.w.Target.(conformance.Provisioner)
	session, err := oracle.Build(phones.Pinned(), code, u.service)
	Expect(err).NotTo(HaveOccurred(), "the phone builds a request")
	answer, err := phones.Provision(ctx, "", session.Body)
	Expect(err).NotTo(HaveOccurred(), "provisioning")
	u.session, u.request, u.answer = session, session.Body, answer.Body
	return answer.Body
}

// otp is the user's next OTP.
func (u *user) otp() string {
	GinkgoHelper()
	moving := u.next
	if suite := u.parsed(); suite.Step != 0 {
		moving = suite.Moving(u.w.now())
	}
	return u.otpAt(moving)
}

// used is the user's first OTP, of a counter that has gone by.
func (u *user) used() string {
	GinkgoHelper()
	return u.otpAt(u.grant.Counter)
}

func (u *user) otpAt(moving uint64) string {
	GinkgoHelper()
	otp, err := u.grant.OTP(u.PIN, moving)
	Expect(err).NotTo(HaveOccurred(), "the phone computes an OTP")
	u.otps = append(u.otps, otp)
	return otp
}

func (u *user) parsed() oracle.Suite {
	GinkgoHelper()
	suite, err := oracle.ParseSuite(u.suite)
	Expect(err).NotTo(HaveOccurred(), "suite")
	return suite
}

// accepted asks the authentication server about an OTP of this user.
func (u *user) accepted(ctx context.Context, otp string) bool {
	GinkgoHelper()
	v, err := u.w.Target.(conformance.Validator).Validate(ctx, u.service, u.name, otp)
	Expect(err).NotTo(HaveOccurred(), "validation")
	if v.Accepted {
		u.next++
	}
	return v.Accepted
}

// tok is TOK, as the phone computes it from C and the PIN.
func (u *user) tok() []byte {
	GinkgoHelper()
	tok, err := u.grant.Inner().TOK(u.PIN)
	Expect(err).NotTo(HaveOccurred(), "TOK on the phone's side")
	return tok
}

// kek is KEK, made of the PIN.
func (u *user) kek() []byte {
	GinkgoHelper()
	kek, err := u.grant.Inner().KEK(u.PIN)
	Expect(err).NotTo(HaveOccurred(), "KEK on the phone's side")
	return kek
}

func (u *user) locator() string {
	locator, _, _ := strings.Cut(u.RegistrationCode, "-")
	return locator
}

func (u *user) code() string {
	_, code, _ := strings.Cut(u.RegistrationCode, "-")
	return code
}

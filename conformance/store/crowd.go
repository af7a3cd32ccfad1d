package store

import (
	"context"
	"crypto/rand"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/people"
)

// people gives users in every state of a token's life, the same for all specs: what they
// leave behind in database, files and logs is what a working EPS leaves.
func (w *world) people(ctx context.Context) []*user {
	GinkgoHelper()
	if w.crowd != nil {
		return w.crowd
	}
	var all []*user
	for _, live := range lives {
		for range live.times {
			u := w.enrol(ctx, conformance.EnrolRequest{Suite: live.suite, Service: w.services()[live.service]})
			live.through(ctx, u)
			all = append(all, u)
		}
	}
	w.crowd = append(all, w.imported(ctx)...)
	return w.crowd
}

// lives are what happens to tokens after their enrolment.
var lives = []struct {
	times   int
	service int
	suite   string
	through func(context.Context, *user)
}{
	{times: 4, through: func(context.Context, *user) {}}, // waits for its phone
	{times: 2, through: using},
	{times: 1, service: 1, through: using},
	{times: 1, suite: "HOTP-SHA512-8", through: using},
	{times: 1, suite: "TOTP-SHA256-8-30", through: using},
	{times: 1, through: reissued},
	{times: 1, through: guessed},
	{times: 1, through: locked},
	{times: 1, through: changes("suspend")},
	{times: 1, through: changes("suspend", "resume")},
	{times: 1, through: changes("revoke")},
}

func using(ctx context.Context, u *user) {
	GinkgoHelper()
	u.provision(ctx)
	Expect(u.accepted(ctx, u.otp())).To(BeTrue(), "the OTP of an equipped user is refused")
	u.accepted(ctx, u.wrong())
}

func reissued(ctx context.Context, u *user) {
	GinkgoHelper()
	u.more = append(u.more, hunt.Digits("retired registration code", u.Digits()))
	code, err := u.w.enroller().Reissue(ctx, u.Token)
	Expect(err).NotTo(HaveOccurred(), "reissue")
	u.RegistrationCode = code
	using(ctx, u)
}

// guessed: somebody tries a wrong code first.
func guessed(ctx context.Context, u *user) {
	GinkgoHelper()
	guess := oneOff(u.Digits())
	u.more = append(u.more, hunt.Digits("guessed registration code", guess))
	u.ask(ctx, u.Locator()+"-"+guess)
	using(ctx, u)
}

func locked(ctx context.Context, u *user) {
	GinkgoHelper()
	u.provision(ctx)
	for range u.w.enroller().Declared().LockAfter {
		Expect(u.accepted(ctx, u.wrong())).To(BeFalse(), "a wrong OTP is accepted")
	}
}

func changes(operations ...string) func(context.Context, *user) {
	return func(ctx context.Context, u *user) {
		GinkgoHelper()
		using(ctx, u)
		for _, operation := range operations {
			Expect(u.w.enroller().Change(ctx, u.Token, operation)).To(Succeed(), "%s", operation)
		}
	}
}

// wrong is an OTP that the server does not expect.
func (u *user) wrong() string {
	GinkgoHelper()
	otp, err := u.Grant.OTP(oneOff(u.PIN), u.Next)
	Expect(err).NotTo(HaveOccurred())
	u.otps = append(u.otps, otp)
	return otp
}

// oneOff is a text of digits with another last one.
func oneOff(text string) string {
	last := text[len(text)-1]
	return text[:len(text)-1] + string('0'+(last-'0'+1)%10)
}

// imported is a user whose secret the bench brought, where the target takes one.
func (w *world) imported(ctx context.Context) []*user {
	GinkgoHelper()
	importer, ok := w.Target.(conformance.SeedImporter)
	if !ok || !w.Capabilities()[conformance.CanImportSeed] {
		return nil
	}
	seed := conformance.Seed{
		Service: w.services()[0], User: people.Named("store"), Suite: "HOTP-SHA1-8", Secret: make([]byte, 20),
	}
	rand.Read(seed.Secret) // never fails
	_, err := importer.ImportSeed(ctx, seed)
	Expect(err).NotTo(HaveOccurred(), "import of a seed")
	return []*user{{User: &people.User{Service: seed.Service, Name: seed.User}, w: w, more: []hunt.Needle{hunt.Bytes("imported seed", seed.Secret)}}}
}

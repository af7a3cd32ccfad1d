package authserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// seeded is a user whose secret came from the bench.
type seeded struct {
	target conformance.Target
	seed   conformance.Seed
	suite  oracle.Suite
	token  string
}

const (
	hotp = "HOTP-SHA256-6"
	totp = "TOTP-SHA256-6-30"
	// first is the counter of a fresh HOTP user, so that there are ones before it.
	first = 1000
)

// fresh gives the authentication server a user of a suite, none of whose OTPs near moving
// are equal: none is then taken for another.
func fresh(ctx context.Context, t conformance.Target, suite string, moving uint64) *seeded {
	GinkgoHelper()
	u := &seeded{target: t}
	var err error
	u.suite, err = oracle.ParseSuite(suite)
	Expect(err).NotTo(HaveOccurred())
	u.seed = conformance.Seed{Service: declared(t).Services[0], User: newName(), Suite: suite}
	if suite == hotp {
		u.seed.Counter = moving
	}
	for u.seed.Secret == nil || len(u.near(moving)) < oracle.Reach+1 {
		u.seed.Secret = make([]byte, 32)
		rand.Read(u.seed.Secret) // never fails
	}
	u.token, err = t.(conformance.SeedImporter).ImportSeed(ctx, u.seed)
	Expect(err).NotTo(HaveOccurred(), "import of a seed, suite %s", suite)
	return u
}

// near are the OTPs from some way before moving to some way after it.
func (u *seeded) near(moving uint64) map[string]bool {
	all := map[string]bool{}
	for m := moving - oracle.Reach/2; m <= moving+oracle.Reach/2; m++ {
		all[u.otp(m)] = true
	}
	return all
}

func newName() string { return people.Named("attack") }

func declared(t conformance.Target) conformance.Declared {
	return t.(conformance.Enroller).Declared()
}

func (u *seeded) otp(moving uint64) string { return u.suite.OTP(u.seed.Secret, moving) }

// in are OTPs in a row.
func (u *seeded) in(moving uint64, count int) (otps []string) {
	for i := range uint64(count) {
		otps = append(otps, u.otp(moving+i))
	}
	return otps
}

// wrong gives n OTPs of no moving factor near.
func (u *seeded) wrong(moving uint64, n int) []string {
	return u.suite.Wrong(u.seed.Secret, moving, n)
}

// answer is what a caller can look at, but for the date.
type answer struct {
	accepted bool
	text     string
}

func answerOf(v conformance.Validation, err error) answer {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred(), "an OTP got no answer")
	header := maps.Clone(v.Header)
	header.Del("Date")
	return answer{v.Accepted, fmt.Sprintf("%d %v %s", v.Status, header, v.Raw)}
}

func (a answer) status() string { return a.text[:strings.Index(a.text, " ")] }

// validates hands one OTP in, at the target or another node of it.
func (u *seeded) validates(ctx context.Context, otp string, at ...conformance.Target) bool {
	GinkgoHelper()
	return u.asked(ctx, otp, at...).accepted
}

func (u *seeded) asked(ctx context.Context, otp string, at ...conformance.Target) answer {
	GinkgoHelper()
	t := append(at, u.target)[0]
	return answerOf(t.(conformance.Validator).Validate(ctx, u.seed.Service, u.seed.User, otp))
}

func (u *seeded) resynchronises(ctx context.Context, otps ...string) bool {
	GinkgoHelper()
	return answerOf(u.target.(conformance.Resynchroniser).Resynchronise(ctx, u.seed.Service, u.seed.User, otps...)).accepted
}

func count(yes []bool) (n int) {
	for _, y := range yes {
		if y {
			n++
		}
	}
	return n
}

// accepted gives the offsets from low to high for which try says yes, all at once.
func accepted(low, high int, try func(offset int) bool) (offsets []int) {
	GinkgoHelper()
	for i, yes := range conformance.Together(high-low+1, func(i int) bool { return try(low + i) }) {
		if yes {
			offsets = append(offsets, low+i)
		}
	}
	return offsets
}

func span(low, high int) (all []int) {
	for o := low; o <= high; o++ {
		all = append(all, o)
	}
	return all
}

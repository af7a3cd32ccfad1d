package rfc

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// user is someone whose secret the authentication server got from the test.
type user struct {
	conformance.Validator
	seed conformance.Seed
}

// imported gives the authentication server a seed for a user that it does not know yet.
func imported(ctx context.Context, t conformance.Target, seed conformance.Seed) user {
	GinkgoHelper()
	seed.Service, seed.User = service(t), userNamed()
	_, err := t.(conformance.SeedImporter).ImportSeed(ctx, seed)
	Expect(err).NotTo(HaveOccurred(), "import of the seed, suite %s", seed.Suite)
	return user{t.(conformance.Validator), seed}
}

func userNamed() string { return people.Named("rfc") }

// service is one that the target knows, where it says which it knows.
func service(t conformance.Target) string {
	if e, ok := t.(conformance.Enroller); ok {
		if known := e.Declared().Services; len(known) > 0 {
			return known[0]
		}
	}
	return "rfc"
}

// acceptsOnce: another OTP is refused, the right one accepted, and refused when it comes
// again. The first and the last show that the server compares and counts.
func (u user) acceptsOnce(ctx context.Context, otp string, moving uint64) {
	GinkgoHelper()
	other := u.wrong(otp, moving)
	Expect(u.accepts(ctx, other)).To(BeFalse(), "%s, an OTP of no counter near %d, is accepted", other, moving)
	Expect(u.accepts(ctx, otp)).To(BeTrue(), "%s, the OTP of %d, is refused", otp, moving)
	Expect(u.accepts(ctx, otp)).To(BeFalse(), "%s is accepted a second time", otp)
	conformance.Observe("%s: %s refused, %s accepted, then refused", u.seed.Suite, other, otp)
}

func (u user) accepts(ctx context.Context, otp string) bool {
	GinkgoHelper()
	v, err := u.Validate(ctx, u.seed.Service, u.seed.User, otp)
	Expect(err).NotTo(HaveOccurred(), "validation")
	return v.Accepted
}

// nearby is more than any window that a server may reasonably have, to either side.
const nearby = 100

// wrong is an OTP that differs from otp in its last digit and belongs to no moving factor nearby.
func (u user) wrong(otp string, moving uint64) string {
	GinkgoHelper()
	suite, err := oracle.ParseSuite(u.seed.Suite)
	Expect(err).NotTo(HaveOccurred())
	used := map[string]bool{}
	for m := moving - min(moving, nearby); m <= moving+nearby; m++ {
		used[suite.OTP(u.seed.Secret, m)] = true
	}
	for last := range 10 {
		if other := otp[:len(otp)-1] + fmt.Sprint(last); !used[other] {
			return other
		}
	}
	conformance.Broken("every OTP that differs in the last digit is in use")
	return ""
}

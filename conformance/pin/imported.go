package pin

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// imported is a user whose secret came from the bench, with a first counter of choice.
type imported struct {
	target conformance.Target
	seed   conformance.Seed
	suite  oracle.Suite
}

// importSeed gives the authentication server a user whose OTPs at the moving factors of
// interest all differ, so that none is taken for another. An error is the server's refusal.
func importSeed(ctx context.Context, t conformance.Target, suite string, counter uint64, interest ...uint64) (*imported, error) {
	GinkgoHelper()
	parsed, err := oracle.ParseSuite(suite)
	Expect(err).NotTo(HaveOccurred())
	seed := conformance.Seed{Service: service(t), User: userNamed("seed"), Suite: suite, Counter: counter, Secret: secretFor(parsed, interest)}
	_, err = t.(conformance.SeedImporter).ImportSeed(ctx, seed)
	return &imported{t, seed, parsed}, err
}

func withSeed(ctx context.Context, t conformance.Target, suite string, counter uint64, interest ...uint64) *imported {
	GinkgoHelper()
	u, err := importSeed(ctx, t, suite, counter, interest...)
	Expect(err).NotTo(HaveOccurred(), "import of a seed, suite %s", suite)
	return u
}

// secretFor draws a secret of the run's seed.
func secretFor(suite oracle.Suite, interest []uint64) []byte {
	for i := uint64(0); ; i++ {
		text := binary.BigEndian.AppendUint64([]byte("epsbench pin"), drawSeed())
		secret := sha256.Sum256(binary.BigEndian.AppendUint64(text, i))
		otps := map[string]bool{}
		for _, m := range interest {
			otps[suite.OTP(secret[:], m)] = true
		}
		if len(otps) == len(interest) {
			return secret[:]
		}
	}
}

// service is one that the target knows, where it says which it knows.
func service(t conformance.Target) string {
	if e, ok := t.(conformance.Enroller); ok && len(e.Declared().Services) > 0 {
		return e.Declared().Services[0]
	}
	return "pin"
}

// accepts submits the OTP of a moving factor.
func (u *imported) accepts(ctx context.Context, moving uint64) bool {
	GinkgoHelper()
	return ask(ctx, u.target, u.seed.Service, u.seed.User, u.suite.OTP(u.seed.Secret, moving)).accepted
}

// around are the numbers from low below to high above m, as far as they exist.
func around(m uint64, low, high int) []uint64 {
	var all []uint64
	for d := -low; d <= high; d++ {
		if n := m + uint64(d); (d < 0) == (n < m) {
			all = append(all, n)
		}
	}
	return all
}

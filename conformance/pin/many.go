package pin

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// cheapKDF is what the derivation of a KEK costs, in iterations, while many tokens are
// enrolled: what is drawn at an enrolment does not depend on it.
const cheapKDF = 1_000

// enrolMany enrols n users, in the order in which the answers came. A target may be busy
// now and then: it is asked again for another user, one time in a hundred at most.
func enrolMany(ctx context.Context, t conformance.Target, n int) []*holder {
	GinkgoHelper()
	const clerks = 16 // at the same time
	var mu sync.Mutex
	var busy atomic.Int64
	issued := make([]*holder, 0, n)
	each(clerks, func(clerk int) {
		for i := clerk; i < n; i += clerks {
			one, err := enrolOne(ctx, t)
			for isBusy(err) && busy.Add(1) <= int64(n/100) {
				one, err = enrolOne(ctx, t)
			}
			Expect(err).NotTo(HaveOccurred(), "enrolment")
			mu.Lock()
			issued = append(issued, one)
			mu.Unlock()
		}
	})
	return issued
}

func enrolOne(ctx context.Context, t conformance.Target) (*holder, error) {
	h := newHolder(t, "many")
	return h, h.Enrol(ctx, conformance.EnrolRequest{})
}

// isBusy: the target could not do it for the time being.
func isBusy(err error) bool {
	var refused *conformance.Refused
	return errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable
}

// cheaply lowers what an enrolment costs until the container ends, where the target lets
// the bench do that, and says what it is.
func cheaply(ctx context.Context, t conformance.Target) (iterations int) {
	GinkgoHelper()
	if !t.Capabilities()[conformance.CanSetKDF] || declared(t).KDFIterations <= cheapKDF {
		return declared(t).KDFIterations
	}
	setter := t.(conformance.KDFSetter)
	DeferCleanup(func(ctx SpecContext) error { return setter.SetKDF(ctx, 0) })
	if err := setter.SetKDF(ctx, cheapKDF); err != nil {
		conformance.Broken("the cheap KDF: %v", err)
	}
	return cheapKDF
}

// drawer is the bench's own source of what is random, fixed by the run's seed and a purpose.
func drawer(purpose string) *rand.Rand {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], drawSeed())
	copy(seed[8:], purpose)
	return rand.New(rand.NewChaCha8(seed))
}

package pin

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
)

// statistics holds the specs that judge by many observations. How many is fixed by the
// profile before any is made.
func statistics(t conformance.Target, n size) {
	Describe("many observations", Ordered, ContinueOnFailure, func() {
		var m *many
		BeforeAll(func(ctx SpecContext) {
			m = &many{target: t, size: n}
			if m.dear = holders(ctx, t, n.dear, "dear", conformance.EnrolRequest{}); len(m.dear) > 0 {
				m.own = m.dear[0].Grant.Iterations
			}
			m.iterations = cheaply(ctx, t)
		})
		It("draws PINs and registration codes well", conformance.Claims("ST-2.2.1-b"), func(ctx SpecContext) {
			expectDrawn(m.enrolments(ctx), n, fmt.Sprintf("with a KDF of %d iterations", m.iterations))
		})
		It("gives OTPs of wrong PINs that cannot be told from right ones by their digits", conformance.Claims("ST-6.1-b-digits"), func(ctx SpecContext) {
			phones, note := m.phones(ctx), fmt.Sprintf("KEKs of %d iterations", m.iterations)
			if len(m.dear) > 0 {
				note += fmt.Sprintf(", and of %d on %d of the phones", m.own, len(m.dear))
			}
			expectAlike(append(m.dear, phones...), n, note)
		})
		It("refuses OTPs after the same time for every cause", conformance.Claims("RGS-C-1-times"), func(ctx SpecContext) {
			expectOTPsRefusedAlike(ctx, t, n)
		})
		It("refuses provisioning after the same time for every cause", conformance.Claims("ST-2.2.2-a-times"), func(ctx SpecContext) {
			m.phones(ctx)
			expectProvisioningRefusedAlike(ctx, t, m.live(ctx), m.used(ctx), n)
		})
	})
}

// many is the enrolments that several specs look at, made when the first of them asks.
type many struct {
	target     conformance.Target
	size       size
	iterations int // of the KDF
	dear       []*holder
	own        int  // iterations of theirs: the target's own setting
	asked      bool // also when it came to nothing: another try would take as long
	issued     []*holder
	users      []*holder
}

func (m *many) enrolments(ctx context.Context) []*holder {
	GinkgoHelper()
	if !m.asked {
		m.asked = true
		m.issued = enrolMany(ctx, m.target, m.size.many)
	}
	if m.issued == nil {
		conformance.Block("the many enrolments did not come to their end")
	}
	return m.issued
}

// used are the codes of the enrolments that get a phone, live those of the others.
func (m *many) used(ctx context.Context) []*holder { return m.enrolments(ctx)[:m.size.users] }
func (m *many) live(ctx context.Context) []*holder { return m.enrolments(ctx)[m.size.users:] }

func (m *many) phones(ctx context.Context) []*holder {
	GinkgoHelper()
	if m.users == nil {
		users := m.used(ctx)
		provision(ctx, users)
		m.users = users
	}
	return m.users
}

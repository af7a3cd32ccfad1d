package pin

import (
	"context"

	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
)

// statistics holds the specs that judge by many observations. How many is fixed by the
// profile before any is made.
func statistics(t conformance.Target, n size) {
	Describe("many observations", Ordered, ContinueOnFailure, func() {
		var m *many
		BeforeAll(func(ctx SpecContext) { m = &many{target: t, size: n, iterations: cheaply(ctx, t)} })
		It("draws PINs and registration codes well", conformance.Claims("ST-2.2.1-b"), func(ctx SpecContext) {
			all := m.enrolments(ctx)
			conformance.Observe("%d enrolments at %d iterations of the KDF", len(all), m.iterations)
			expectDrawn(all, n)
		})
		It("gives OTPs of wrong PINs that cannot be told from right ones by their digits", conformance.Claims("ST-6.1-b-digits"), func(ctx SpecContext) {
			expectAlike(m.phones(ctx), n)
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
	issued     []issue
	users      []*holder
}

func (m *many) enrolments(ctx context.Context) []issue {
	GinkgoHelper()
	if m.issued == nil {
		m.issued = enrolMany(ctx, m.target, m.size.many)
	}
	return m.issued
}

// used are the codes of the enrolments that get a phone, live those of the others.
func (m *many) used(ctx context.Context) []issue { return m.enrolments(ctx)[:m.size.users] }
func (m *many) live(ctx context.Context) []issue { return m.enrolments(ctx)[m.size.users:] }

func (m *many) phones(ctx context.Context) []*holder {
	GinkgoHelper()
	if m.users == nil {
		m.users = provisioned(ctx, m.target, m.used(ctx))
	}
	return m.users
}

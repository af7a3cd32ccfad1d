package pin

import (
	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
)

// statistics holds the specs that judge by many observations. How many is fixed by the
// profile before any is made.
func statistics(t conformance.Target, n size) {
	Describe("many enrolments", Ordered, ContinueOnFailure, func() {
		var issued []issue
		var iterations int
		BeforeAll(func(ctx SpecContext) {
			iterations = cheaply(ctx, t)
			issued = enrolMany(ctx, t, n.many)
		})
		It("draws PINs and registration codes well", conformance.Claims("ST-2.2.1-b"), func() {
			conformance.Observe("%d enrolments at %d iterations of the KDF", n.many, iterations)
			expectDrawn(issued, n)
		})
		It("gives OTPs of wrong PINs that cannot be told from right ones by their digits", conformance.Claims("ST-6.1-b-digits"), func(ctx SpecContext) {
			expectAlike(provisioned(ctx, t, issued[:n.users]), n)
		})
	})
}

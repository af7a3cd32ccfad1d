package authserver

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/scan"
)

// surfaceName is the listener for challenges, responses and OTPs.
const surfaceName = "auth"

func confidential(t conformance.Target) {
	It("speaks of challenges under TLS only", conformance.Claims("RGS-C-5"), func(ctx SpecContext) {
		scanned := 0
		for _, s := range t.(conformance.Listeners).Surfaces() {
			if s.Name == surfaceName && scan.TLS(ctx, s) {
				scanned++
			}
		}
		Expect(scanned).To(Equal(1), "listeners of the authentication server on the network")
		conformance.Observe("the listener refuses plain HTTP on every route, TLS 1.0, TLS 1.1 and TLS 1.2 with %d weak suites; a client that knows its certificate connects by TLS 1.2 or newer", scan.WeakSuites())
	})
}

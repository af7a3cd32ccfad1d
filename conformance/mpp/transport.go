package mpp

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/scan"
)

func transport(t conformance.Target) {
	It("speaks TLS 1.2 or newer, and nothing in clear", conformance.Claims("ST-HS3"), func(ctx SpecContext) {
		scanned := 0
		for _, s := range t.(conformance.Listeners).Surfaces() {
			if scan.TLS(ctx, s) {
				scanned++
			}
		}
		Expect(scanned).To(BeNumerically(">", 0), "listeners on the network")
		conformance.Observe("%d listeners: plain HTTP, TLS 1.0, TLS 1.1 and TLS 1.2 with %d suites without forward secrecy or authenticated encryption are refused; TLS 1.2 or newer connects, by a client that knows the certificate and no other", scanned, scan.WeakSuites())
	})
}

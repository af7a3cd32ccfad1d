package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

const (
	equalOTPs = 200 // at the same time
	pairs     = 8   // users with one OTP at each node
	equalRCs  = 24  // phones with one registration code
)

// atNodes: what is good once is good once over two nodes of one database.
func atNodes(t conformance.Target) {
	It("accepts one of 200 equal OTPs over two nodes", conformance.Claims("ATK-08"), func(ctx SpecContext) {
		nodes := twoNodes(ctx, t)
		u := fresh(ctx, t, hotp, first)
		otp := u.otp(first)
		n := count(conformance.Together(equalOTPs, func(i int) bool { return u.validates(ctx, otp, nodes[i%2]) }))
		Expect(n).To(Equal(1), "equal OTPs over two nodes that are accepted")
		users := conformance.Together(pairs, func(int) *seeded { return fresh(ctx, t, hotp, first) })
		yes := conformance.Together(2*pairs, func(i int) bool {
			u := users[i/2]
			return u.validates(ctx, u.otp(first), nodes[i%2])
		})
		for i := range users {
			Expect(count(yes[2*i:2*i+2])).To(Equal(1), "equal OTPs over two nodes that are accepted, one at each")
		}
		conformance.Observe("of %d equal OTPs at the same time, on alternating nodes, %d was accepted; of two equal ones of each of %d users, one on each node, one", equalOTPs, n, pairs)
	})
	It("gives one phone the token of a code that is used at two nodes", conformance.Claims("ATK-08"), func(ctx SpecContext) {
		nodes := twoNodes(ctx, t)
		code := issue(ctx, t, 2)
		granted := count(conformance.Together(equalRCs, func(i int) bool { return provisions(ctx, t, nodes[i%2], code) }))
		Expect(granted).To(Equal(1), "phones with one registration code over two nodes that got a token")
		conformance.Observe("of %d phones with one registration code, on alternating nodes, %d got the token", equalRCs, granted)
	})
}

// twoNodes are the target and a second node of it, which ends with the spec.
func twoNodes(ctx context.Context, t conformance.Target) [2]conformance.Target {
	GinkgoHelper()
	second, err := t.(conformance.Nodes).Node(ctx)
	if err != nil {
		conformance.Broken("second node: %v", err)
	}
	DeferCleanup(second.Close)
	return [2]conformance.Target{t, second}
}

package mpp

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

func otherEPS(t conformance.Target) {
	It("leaves a code to the EPS it is meant for", conformance.Claims("ST-6.3-eps"), func(ctx SpecContext) {
		here := open(t)
		twin, err := t.(conformance.Twin).Twin(ctx)
		if err != nil {
			conformance.Broken("a second EPS: %v", err)
		}
		there := open(twin)
		ours, theirs := here.enrol(ctx), there.enrol(ctx)

		here.expectRefused(ctx,
			try{"a request under the key of another EPS", there.request(theirs).Body},
			try{"a request for this EPS under the key of another", there.request(ours).Body},
			try{"the code of another EPS under the key of this one", here.request(theirs).Body})
		there.expectRefused(ctx, try{"a request that was built for the first EPS", here.request(ours).Body})
		Expect(here.state(ctx, ours)).To(Equal(conformance.Public("issued")), "state of the token after its request went astray")
		here.expectDelivered(ctx, ours, "the code at its own EPS, after another had its request")
		there.expectDelivered(ctx, theirs, "the code at its own EPS, after another had its request")
		conformance.Observe("requests and codes of each of two EPS got the uniform refusal from the other; then both codes still worked where they belong")
	})
}

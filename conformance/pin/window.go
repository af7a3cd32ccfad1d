package pin

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// beyond is how far past the declared window the specs look, to either side.
const beyond = 6

// window holds the specs on the moving factors that one OTP is compared with: each one more
// is one more chance for a guesser.
func window(t conformance.Target) {
	It("accepts the declared look-ahead of counters, and no other", conformance.Claims("RGS-C-8"), func(ctx SpecContext) {
		const first = 1000
		ahead := declared(t).LookAhead
		measured := measure(-beyond, ahead+beyond, func(offset int) bool {
			u := withSeed(ctx, t, "HOTP-SHA256-6", first, around(first, 30, ahead+30)...)
			return u.accepts(ctx, uint64(first+offset))
		})
		conformance.Observe("HOTP: of the offsets %d to %d from the expected counter these are accepted: %v; declared: 0 to %d", -beyond, ahead+beyond, measured, ahead)
		Expect(measured).To(Equal(offsets(0, ahead)), "accepted offsets %v of the counter, declared 0 to %d", measured, ahead)
	})
	It("accepts the declared window of time steps, and no other", conformance.Claims("RGS-C-8"), func(ctx SpecContext) {
		drift := declared(t).Window
		for _, inside := range []time.Duration{0, step - time.Second} {
			moment := conformance.Now(t).Truncate(step).Add(inside)
			conformance.SetClock(t, moment)
			measured := measure(-drift-beyond, drift+beyond, func(offset int) bool {
				u := withSeed(ctx, t, "TOTP-SHA256-6-30", 0)
				return u.accepts(ctx, u.suite.Moving(moment)+uint64(offset))
			})
			conformance.Observe("TOTP, %v into a step: of the offsets %d to %d these are accepted: %v; declared: %d to %d",
				inside, -drift-beyond, drift+beyond, measured, -drift, drift)
			Expect(measured).To(Equal(offsets(-drift, drift)), "accepted offsets %v of the time step, declared %d to %d", measured, -drift, drift)
		}
	})
}

// measure gives the offsets that are accepted. Each is tried on a token of its own.
func measure(low, high int, accepted func(offset int) bool) []int {
	GinkgoHelper()
	var all []int
	for i, yes := range conformance.Together(high-low+1, func(i int) bool { return accepted(low + i) }) {
		if yes {
			all = append(all, low+i)
		}
	}
	return all
}

func offsets(low, high int) []int {
	var all []int
	for o := low; o <= high; o++ {
		all = append(all, o)
	}
	return all
}

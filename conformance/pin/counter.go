package pin

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// step is that of the TOTP tokens of this family.
const step = 30 * time.Second

// edges are where counters of some width end.
var edges = []struct {
	name string
	at   uint64
}{
	{"2^31", 1 << 31}, {"2^32", 1 << 32}, {"2^53", 1 << 53}, {"2^63", 1 << 63}, {"2^64", math.MaxUint64},
}

// crossing is how many counters are used one after the other, half of them past the edge.
const crossing = 4

// counter holds the specs on moving factors that only go up.
func counter(t conformance.Target) {
	It("refuses what was used, after a restart too", conformance.Claims("RGS-C-7"), func(ctx SpecContext) {
		moment := conformance.Now(t).Truncate(step)
		conformance.SetClock(t, moment)
		hotp := withSeed(ctx, t, "HOTP-SHA256-6", 10, around(10, 10, 20)...)
		totp := withSeed(ctx, t, "TOTP-SHA256-6-30", 0)
		steps := totp.suite.Moving(moment)
		Expect(hotp.accepts(ctx, 10)).To(BeTrue(), "the OTP of counter 10 is refused")
		Expect(hotp.accepts(ctx, 14)).To(BeTrue(), "the OTP of counter 14 is refused")
		Expect(totp.accepts(ctx, steps)).To(BeTrue(), "the OTP of this time is refused")
		for _, when := range []string{"before", "after"} {
			Expect(hotp.accepts(ctx, 14)).To(BeFalse(), "%s a restart a used OTP is accepted", when)
			if when == "before" {
				Expect(t.(conformance.Restarter).Restart(ctx)).To(Succeed(), "restart of the target")
			}
		}
		Expect(hotp.accepts(ctx, 15)).To(BeTrue(), "the OTP of counter 15 is refused")
		Expect(hotp.accepts(ctx, 12)).To(BeFalse(), "the OTP of counter 12, which was passed over, is accepted")
		Expect(totp.accepts(ctx, steps)).To(BeFalse(), "after a restart a used OTP is accepted")
		conformance.SetClock(t, moment.Add(step))
		Expect(totp.accepts(ctx, steps+1)).To(BeTrue(), "the OTP of the next step is refused")
		conformance.Observe("HOTP: 10 and 14 accepted, 14 refused before and after a restart, 15 accepted, 12 refused. TOTP: a step accepted, refused after the restart, the next accepted")
	})
	It("refuses what was used when the clock goes back", conformance.Claims("RGS-C-7"), func(ctx SpecContext) {
		moment := conformance.Now(t).Truncate(step)
		back := []time.Duration{step, time.Hour, 24 * time.Hour}
		for _, d := range back {
			conformance.SetClock(t, moment)
			u := withSeed(ctx, t, "TOTP-SHA256-6-30", 0)
			used, earlier := u.suite.Moving(moment), u.suite.Moving(moment.Add(-d))
			Expect(u.accepts(ctx, used)).To(BeTrue(), "the OTP of this time is refused")
			conformance.SetClock(t, moment.Add(-d))
			Expect(u.accepts(ctx, used)).To(BeFalse(), "with the clock %v back a used OTP is accepted", d)
			Expect(u.accepts(ctx, earlier)).To(BeFalse(), "with the clock %v back the OTP of an earlier time is accepted: the counter went back", d)
			conformance.SetClock(t, moment.Add(step))
			Expect(u.accepts(ctx, used+1)).To(BeTrue(), "the OTP of the next step is refused")
		}
		conformance.Observe("with the clock %v back the used OTP and that of the earlier time are refused; the step after the used one is accepted", back)
	})
	It("never starts again at the end of a counter's width", conformance.Claims("RGS-C-7"), func(ctx SpecContext) {
		over := 0
		for i, accepted := range conformance.Together(len(edges), func(i int) uint64 { return crossed(ctx, t, edges[i].name, edges[i].at) }) {
			conformance.Observe("%s: %d of %d OTPs from two before it on are accepted, and then none of counters 0 and 1", edges[i].name, accepted, crossing)
			if accepted == crossing {
				over++
			}
		}
		Expect(over).To(BeNumerically(">", 0), "edges that a counter gets over at all")
	})
}

// crossed takes a token over an edge, as far as the server goes, and says how far that was:
// not at all where it does not take a token that starts there.
func crossed(ctx context.Context, t conformance.Target, name string, edge uint64) uint64 {
	GinkgoHelper()
	first := edge - 2
	u, err := importSeed(ctx, t, "HOTP-SHA256-6", first, append(around(edge, 14, 14), around(0, 0, 14)...)...)
	var refused *conformance.Refused
	if errors.As(err, &refused) && refused.Status < http.StatusInternalServerError {
		return 0
	}
	Expect(err).NotTo(HaveOccurred(), "%s: import of a seed", name)
	accepted := uint64(0)
	for accepted < crossing && u.accepts(ctx, first+accepted) {
		accepted++
	}
	tries := []uint64{0, 1} // no more than the lock leaves after a token that has stopped
	if accepted == crossing {
		tries = append(tries, first+accepted-1)
	}
	for i, again := range conformance.Together(len(tries), func(i int) bool { return u.accepts(ctx, tries[i]) }) {
		Expect(again).To(BeFalse(), "%s: the counter starts again: the OTP of counter %d is accepted", name, tries[i])
	}
	return accepted
}

package pin

import (
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// observed is how many OTPs the attacker looks over the user's shoulder for. Each is an
// experiment of its own, so that one enumeration gives many.
const observed = 32

// glimpse is what the attacker sees: the last digits of two OTPs in a row.
type glimpse struct {
	label  string
	digits int
	total  int // PINs that explain it, over all experiments
}

// expectTheory counts the PINs that explain what was seen of the first victim.
func expectTheory(victims []*holder, all *oracle.Candidates) {
	GinkgoHelper()
	h := victims[0]
	kept, _ := survivors(phones(victims), all)
	d := h.Suite.Digits
	glimpses := []glimpse{{label: "2 digits", digits: 2}, {label: "4 digits", digits: 4}, {label: "1 OTP", digits: d}, {label: "2 OTPs", digits: 2 * d}}
	h.look(all, glimpses)
	series := conformance.Series{
		Name: "PINs that survive", XLabel: "seen by the attacker", YLabel: "PINs",
		Caption: "Without an OTP all PINs survive. Each digit seen divides them by ten, as chance does, down to the right one: nothing but an OTP tells it.",
		Labels:  []string{"nothing"}, Theory: []float64{solvedPINs}, Seen: []float64{float64(kept)},
	}
	for _, s := range glimpses {
		series.Labels = append(series.Labels, s.label)
		series.Theory = append(series.Theory, oracle.Expected(solvedPINs, 1, s.digits, 1))
		series.Seen = append(series.Seen, float64(s.total)/observed)
	}
	conformance.Plot(series)
	conformance.Observe("%d experiments: after one OTP %.2f of 10,000 PINs survive, theory says %.2f; after two %.2f (%.2f)",
		observed, series.Seen[3], series.Theory[3], series.Seen[4], series.Theory[4])
	h.observeWindow(all)
	for i, s := range glimpses {
		others := s.total - observed // without the right PIN, which always survives
		Expect(others).To(BeLikely((series.Theory[i+1]-1)*observed), "PINs that survive beside the right one, in %d experiments after %s", observed, s.label)
	}
}

// look counts for each glimpse the PINs that give the same digits as the right one.
func (h *holder) look(all *oracle.Candidates, glimpses []glimpse) {
	GinkgoHelper()
	right, err := strconv.Atoi(h.PIN)
	Expect(err).NotTo(HaveOccurred(), "PIN of digits")
	before := all.OTPs(h.Suite, h.Next)
	for i := range uint64(observed) {
		otps := all.OTPs(h.Suite, h.Next+1+i)
		seen := before[right] + otps[right]
		for pin := range otps {
			made := before[pin] + otps[pin]
			for k := range glimpses {
				n := glimpses[k].digits
				if made[len(made)-n:] == seen[len(seen)-n:] {
					glimpses[k].total++
				}
			}
		}
		before = otps
	}
}

// observeWindow: an attacker who does not know the counter has a window of them.
func (h *holder) observeWindow(all *oracle.Candidates) {
	GinkgoHelper()
	starts := make([]uint64, declared(h.target).LookAhead+1)
	for i := range starts {
		starts[i] = h.Next + uint64(i)
	}
	survive := len(all.Survivors(h.Suite, starts, h.right()))
	conformance.Observe("an attacker who has to try %d counters keeps %d after one OTP (%.2f)",
		len(starts), survive, oracle.Expected(solvedPINs, len(starts), h.Suite.Digits, 1))
}

// oneIn is how often a fair target fails a count.
const oneIn = 1e7

// BeLikely succeeds for a count that is not too far from a mean, as Poisson counts lie.
func BeLikely(mean float64) OmegaMatcher {
	return WithTransform(func(n int) bool {
		p := distuv.Poisson{Lambda: mean}
		return p.CDF(float64(n)) > 1/(2*oneIn) && p.Survival(float64(n)-1) > 1/(2*oneIn)
	}, BeTrue())
}

// BeHalfOf succeeds for a count of even chances that is not too far from the half of n.
func BeHalfOf(n int) OmegaMatcher {
	return WithTransform(func(k int) bool {
		p := distuv.Binomial{N: float64(n), P: 0.5}
		return p.CDF(float64(min(k, n-k))) > 1/(2*oneIn)
	}, BeTrue())
}

package pin

import (
	"fmt"
	"math"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	gonum "gonum.org/v1/gonum/stat"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/stat"
)

// cause is why a server refuses, and the times of its refusals for that, in milliseconds,
// one a round.
type cause struct {
	name string
	took []float64
}

// take makes one refusal and says how long it took. What went before in the same process
// can be told from that, by microseconds: so nothing is prepared in a take that others do
// not prepare too.
type take func() time.Duration

// lane is the takes of one lane, by cause, and what follows each round of them.
type lane struct {
	takes []take
	rest  func()
}

// interleave measures refusals of several causes. Each lane has users and codes of its
// own, made by set; in every round it has one refusal of each cause, one after the other, in
// an order drawn anew, so that whatever happens on the machine happens to all causes.
func interleave(names []string, lanes, rounds int, set func(n int) lane) []cause {
	GinkgoHelper()
	causes := make([]cause, len(names))
	for k, name := range names {
		causes[k] = cause{name, make([]float64, lanes*rounds)}
	}
	all := conformance.Together(lanes, set)
	each(lanes, func(n int) {
		r := drawer(fmt.Sprintf("order %d", n))
		for round := range rounds {
			for _, k := range r.Perm(len(names)) {
				causes[k].took[n*rounds+round] = float64(all[n].takes[k]()) / float64(time.Millisecond)
			}
			all[n].rest()
		}
	})
	return causes
}

// timings are the tests of the times of refusals against those of the first cause.
type timings struct {
	of      string  // what is refused
	quantum float64 // of the grid that refusals leave on, in milliseconds; 0: none
	causes  []cause
	size    size
}

// expectSameTimes judges them. A client sees when an answer comes: at which step of the
// grid, and how long after it. Compared are the share of answers that missed the first
// step, the means of what came after the step, and the ranks of both together.
func (x timings) expectSameTimes() {
	GinkgoHelper()
	kinds := []func(a, b cause, stated, planted stat.Level) measured{x.byRanks, x.byMeans}
	if x.quantum > 0 && x.size.missed > 0 {
		kinds = append(kinds, x.byStep)
	}
	first := x.causes[0]
	stated, planted := levels(len(kinds) * (len(x.causes) - 1))
	var tests []measured
	for _, other := range x.causes[1:] {
		for _, kind := range kinds {
			tests = append(tests, kind(first, other, stated, planted))
		}
	}
	tests[0].series = x.arrivals()
	judge(tests)
}

// after gives how long after a step of the grid the answers came.
func (x timings) after(took []float64) []float64 {
	all := make([]float64, len(took))
	for i, ms := range took {
		if all[i] = ms; x.quantum > 0 {
			all[i] = math.Mod(ms, x.quantum)
		}
	}
	return all
}

// late counts the answers that missed the first step.
func (x timings) late(took []float64) int {
	n := 0
	for _, ms := range took {
		if ms >= 2*x.quantum {
			n++
		}
	}
	return n
}

func (x timings) byRanks(a, b cause, stated, planted stat.Level) measured {
	both := slices.Concat(a.took, b.took)
	return x.byShift("ranks of the times", a, b, stat.MannWhitney, stated.Rank(both, len(a.took)), planted.Rank(both, len(a.took)))
}

func (x timings) byMeans(a, b cause, stated, planted stat.Level) measured {
	a.took, b.took = x.after(a.took), x.after(b.took)
	return x.byShift("means after the step", a, b, stat.Welch, stated.Mean(a.took, b.took), planted.Mean(a.took, b.took))
}

// byShift tests whether answers come later, by a test that a shift is planted for.
func (x timings) byShift(what string, a, b cause, test func(a, b []float64) stat.Result, least, leak float64) measured {
	shifted := make([]float64, len(b.took))
	for i, ms := range b.took {
		shifted[i] = ms + leak
	}
	one, other := halves(a.took)
	in := difference(a.took, b.took)
	return measured{
		name: what + ", " + b.name, sameOf: a.name + " in two halves",
		data: fmt.Sprintf("%d refusals for %s and as many for %s: medians %.3f and %.3f ms, means %.3f and %.3f; the difference of the means lies between %.3f and %.3f ms (99 %%, bootstrap over rounds)",
			len(a.took), b.name, a.name, median(b.took), median(a.took), gonum.Mean(b.took, nil), gonum.Mean(a.took, nil), in.Low, in.High),
		result: test(a.took, b.took), same: test(one, other), leaked: test(a.took, shifted),
		least: least, leak: leak, needed: x.size.later,
		says: func(ms float64) string { return fmt.Sprintf("answers that come %.2g ms later", ms) },
	}
}

// byStep tests the share of answers that missed the first step of the grid: their work
// took longer than it.
func (x timings) byStep(a, b cause, stated, planted stat.Level) measured {
	n := len(a.took)
	early, late := x.late(a.took), x.late(b.took)
	share := float64(early) / float64(n)
	one, other := halves(a.took)
	leak := planted.Share(share, n)
	moved := late + int(math.Ceil(min(1, leak)*float64(n)))
	if share > 0.5 {
		moved = late - moved + late
	}
	m := measured{
		name: "steps of the grid, " + b.name, sameOf: a.name + " in two halves",
		data:   fmt.Sprintf("of %d refusals each, %d for %s and %d for %s came later than the first step of %v ms", n, late, b.name, early, a.name, x.quantum),
		result: stat.Fisher(early, n, late, n),
		same:   stat.Fisher(x.late(one), len(one), x.late(other), len(other)),
		least:  stated.Share(share, n), needed: x.size.missed,
		leak: leak, leaked: stat.Fisher(early, n, max(0, min(n, moved)), n),
		says: func(share float64) string { return percent(share) + " more, or fewer, that miss the first step" },
	}
	return m
}

// halves are every other round.
func halves(x []float64) (even, odd []float64) {
	for i, v := range x {
		if i%2 == 0 {
			even = append(even, v)
		} else {
			odd = append(odd, v)
		}
	}
	return even, odd
}

// difference is an interval of how much later the second is, in the mean.
func difference(first, second []float64) stat.Interval {
	return stat.Bootstrap(drawer("bootstrap"), 0.99, len(first), func(rounds []int) float64 {
		total := 0.0
		for _, i := range rounds {
			total += second[i] - first[i]
		}
		return total / float64(len(rounds))
	})
}

func median(x []float64) float64 { return quantiles(x, 0.5)[0] }

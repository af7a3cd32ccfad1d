//go:build !race

// Thousands of samples in one goroutine: minutes under the race detector, which has nothing
// to find in them. `make test` runs them without it.

package stat_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/conformance/stat"
)

// trial is a test on data drawn with an effect; 0 is none.
type trial struct {
	name   string
	effect func(l stat.Level) float64 // that the test finds with the level's power
	draw   func(r *rand.Rand, effect float64) stat.Result
	coarse bool // p takes few values: it is not uniform but larger
}

const (
	n      = 400
	digits = 10
	draws  = 40
)

var trials = []trial{
	{
		name:   "two samples of digits",
		effect: func(l stat.Level) float64 { return l.ExcessOfTwo(digits-1, 0.1, n) },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.Homogeneity(counted(r, n, 0), counted(r, n, e))
		},
	},
	{
		name:   "digits and their law",
		effect: func(l stat.Level) float64 { return l.Excess(digits-1, 0.1, n) },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.Fit(counted(r, n, e), slices.Repeat([]float64{0.1}, digits))
		},
	},
	{
		name:   "means",
		effect: func(l stat.Level) float64 { return l.Mean(ends(n, 1), ends(n, 2)) },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.Welch(normal(r, n, e, 1), normal(r, n, 0, 2))
		},
	},
	{
		name:   "ranks",
		effect: func(l stat.Level) float64 { return l.Rank(normal(rand.New(rand.NewPCG(1, 1)), 4000, 0, 1), n) },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.MannWhitney(normal(r, n, e, 1), normal(r, n, 0, 1))
		},
	},
	{
		name:   "ranks of few",
		effect: func(l stat.Level) float64 { return 0 },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.MannWhitney(normal(r, 25, e, 1), normal(r, 20, 0, 1))
		},
	},
	{
		name:   "distributions",
		effect: func(l stat.Level) float64 { return l.Distance(n, n) },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.KolmogorovSmirnov(uniform(r, n, e), uniform(r, n, 0))
		},
		coarse: true,
	},
	{
		name:   "correlation",
		effect: func(l stat.Level) float64 { return l.Correlation(n) },
		draw:   func(r *rand.Rand, e float64) stat.Result { return stat.Serial(chain(r, n+1, e)) },
	},
	{
		name:   "shares",
		effect: func(l stat.Level) float64 { return l.Share(0.1, n) },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.Fisher(hits(r, n, 0.1+e), n, hits(r, n, 0.1), n)
		},
		coarse: true,
	},
	{
		name:   "counts",
		effect: func(l stat.Level) float64 { return l.Factor(30) - 1 },
		draw: func(r *rand.Rand, e float64) stat.Result {
			return stat.Counts(n, distuv.Poisson{Lambda: 30 * (1 + e), Src: r}.Rand(), 30)
		},
		coarse: true,
	},
}

// Where there is nothing, a test rejects as often as it says, at any α.
func TestNothingIsFoundAsOftenAsPromised(t *testing.T) {
	for _, c := range trials {
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				r := random(rt)
				ps := make([]float64, draws)
				for i := range ps {
					ps[i] = c.draw(r, 0).P
				}
				for _, alpha := range []float64{0.01, 0.05, 0.2, 0.5} {
					rejected := below(ps, alpha)
					if likely := (distuv.Binomial{N: draws, P: alpha}); likely.Survival(rejected-1) < 1e-7 || !c.coarse && likely.CDF(rejected) < 1e-7 {
						rt.Fatalf("α %v: %v of %d rejected", alpha, rejected, draws)
					}
				}
			})
		})
	}
}

// Where there is the effect that a test promises to find, it finds it about as often as it
// says.
func TestTheEffectIsFoundAsOftenAsPromised(t *testing.T) {
	l := stat.Level{Alpha: 0.001, Power: 0.9}
	for _, c := range trials {
		effect := c.effect(l)
		if effect == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				r := random(rt)
				ps := make([]float64, draws)
				for i := range ps {
					ps[i] = c.draw(r, effect).P
				}
				found := below(ps, l.Alpha)
				least, most := distuv.Binomial{N: draws, P: 0.8}, distuv.Binomial{N: draws, P: 0.97}
				if least.CDF(found) < 1e-6 || !c.coarse && most.Survival(found-1) < 1e-6 {
					rt.Fatalf("an effect of %.3g is found in %v of %d draws", effect, found, draws)
				}
			})
		})
	}
}

// The interval holds the true difference about as often as it says.
func TestBootstrapCovers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, covered := random(rt), 0
		for range 20 {
			x := normal(r, 40, 3, 1)
			in := stat.Bootstrap(r, 0.95, len(x), func(rounds []int) float64 {
				total := 0.0
				for _, i := range rounds {
					total += x[i]
				}
				return total / float64(len(rounds))
			})
			if in.Low <= 3 && 3 <= in.High {
				covered++
			}
		}
		if covered < 11 {
			rt.Fatalf("%d of 20 intervals of 95 %% hold the mean", covered)
		}
	})
}

// Holm's adjustment keeps the order, never lowers, and knows nothing of places.
func TestHolmProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ps := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 30).Draw(rt, "p")
		adjusted := stat.Holm(ps)
		for i := range ps {
			if adjusted[i] < ps[i] || adjusted[i] > 1 {
				rt.Fatalf("%v becomes %v", ps[i], adjusted[i])
			}
			for k := range ps {
				if ps[i] < ps[k] && adjusted[i] > adjusted[k] {
					rt.Fatalf("%v and %v change places", ps[i], ps[k])
				}
			}
		}
	})
}

func random(rt *rapid.T) *rand.Rand { return rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 7)) }

func below(ps []float64, alpha float64) float64 {
	k := 0.0
	for _, p := range ps {
		if p < alpha {
			k++
		}
	}
	return k
}

// counted draws n digits; the last is too frequent by e.
func counted(r *rand.Rand, n int, e float64) []float64 {
	counts := make([]float64, digits)
	for range n {
		d := r.IntN(digits)
		if r.Float64() < e/0.9 {
			d = digits - 1
		}
		counts[d]++
	}
	return counts
}

func normal(r *rand.Rand, n int, mean, sigma float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = mean + sigma*r.NormFloat64()
	}
	return x
}

// ends is a sample with just that standard deviation.
func ends(n int, sigma float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = sigma * math.Sqrt(float64(n-1)/float64(n)) * float64(2*(i%2)-1)
	}
	return x
}

// uniform draws from [0, 1), with a share of e moved from the lower half to the upper.
func uniform(r *rand.Rand, n int, e float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = r.Float64()
		if x[i] < 0.5 && r.Float64() < 2*e {
			x[i] += 0.5
		}
	}
	return x
}

func chain(r *rand.Rand, n int, rho float64) []float64 {
	x := normal(r, n, 0, 1)
	for i := range x[1:] {
		x[i+1] = rho*x[i] + math.Sqrt(1-rho*rho)*x[i+1]
	}
	return x
}

func hits(r *rand.Rand, n int, p float64) int {
	k := 0
	for range n {
		if r.Float64() < p {
			k++
		}
	}
	return k
}

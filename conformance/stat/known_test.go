package stat_test

import (
	"math"
	"testing"

	"github.com/epsbench/epsbench/conformance/stat"
)

// Samples of the examples that R ships with its tests.
var (
	permeabilityA = []float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}
	permeabilityB = []float64{1.15, 0.88, 0.90, 0.74, 1.21}
	ozoneMay      = []float64{41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115, 37}
	ozoneAugust   = []float64{39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118, 84, 85}
	sleepA        = []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}
	sleepB        = []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
)

func TestKnownValues(t *testing.T) {
	for _, c := range []struct {
		name     string
		got      stat.Result
		value, p float64
	}{
		{"Mann–Whitney, exact (R, wilcox.test)", stat.MannWhitney(permeabilityA, permeabilityB), 35, 0.2544},
		{"Mann–Whitney, ties (R, wilcox.test)", stat.MannWhitney(ozoneMay, ozoneAugust), 127.5, 0.0001208},
		{"Mann–Whitney, the smallest", stat.MannWhitney([]float64{1, 2, 3}, []float64{4, 5, 6}), 0, 0.1},
		{"Mann–Whitney, constants", stat.MannWhitney([]float64{1, 1, 1}, []float64{1, 1}), 3, 1},
		{"Welch (R, t.test)", stat.Welch(sleepA, sleepB), -1.8608, 0.07939},
		{"Welch, constants", stat.Welch([]float64{1, 1}, []float64{1, 1}), 0, 1},
		{"two samples (R, chisq.test)", stat.Homogeneity([]float64{762, 327, 468}, []float64{484, 239, 477}), 30.07, 2.954e-07},
		{"a law (R, chisq.test)", stat.Fit([]float64{89, 37, 30, 28, 2}, []float64{0.40, 0.20, 0.20, 0.15, 0.05}), 9.9901, 0.04059},
		{"tea (R, fisher.test)", stat.Fisher(3, 4, 1, 4), 0.5, 0.4857},
		{"Kolmogorov at 1.3581", stat.KolmogorovSmirnov(steps(0, 100_000), steps(606.9, 100_000)), 0.00607, 0.05},
		{"Poisson", stat.Counts(10, 0, 3.6889), 0, 0.05},
		{"serial, a line", stat.Serial(steps(0, 50)), 1, 0},
		{"serial, a constant", stat.Serial(make([]float64, 50)), 1, 0},
	} {
		if !near(c.got.Value, c.value) || !near(c.got.P, c.p) {
			t.Errorf("%s: %.6g, p %.6g; want %.6g, p %.6g", c.name, c.got.Value, c.got.P, c.value, c.p)
		}
	}
}

// The exact law of U is symmetric, and its tail agrees with the normal one where both
// are used.
func TestMannWhitneyMeetsTheNormalLaw(t *testing.T) {
	a, b := steps(0, 30), steps(7.5, 30)
	exact := stat.MannWhitney(a, b)
	b[29] = b[28] // a tie among the largest changes no pair
	normal := stat.MannWhitney(a, b)
	if other := stat.MannWhitney(steps(7.5, 30), a); other.P != exact.P || other.Value+exact.Value != 900 {
		t.Errorf("turned round: %+v, %+v", exact, other)
	}
	if math.Abs(math.Log(normal.P/exact.P)) > 0.3 {
		t.Errorf("p %.4g exact, %.4g normal", exact.P, normal.P)
	}
}

func TestHolm(t *testing.T) {
	got := stat.Holm([]float64{0.03, 0.01, 0.04, 0.02})
	for i, want := range []float64{0.06, 0.04, 0.06, 0.06} { // R, p.adjust
		if !near(got[i], want) {
			t.Errorf("%v", got)
		}
	}
	if got := stat.Holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("%v: above 1", got)
	}
}

// Cohen's tables: the noncentrality for power 0.9 at α 0.05 is 10.51 with 1 degree of freedom
// and 20.53 with 10.
func TestPowerOfChiSquared(t *testing.T) {
	l := stat.Level{Alpha: 0.05, Power: 0.9}
	for freedom, lambda := range map[float64]float64{1: 10.507, 10: 20.53} {
		if e := l.Excess(freedom, 0.1, 1000); !near(e*e*1000/0.09, lambda) {
			t.Errorf("%v degrees of freedom: %.4g", freedom, e*e*1000/0.09)
		}
	}
}

func steps(from float64, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = from + float64(i)
	}
	return x
}

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-3*math.Abs(want)+1e-12 }

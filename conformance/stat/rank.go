package stat

import (
	"math"
	"slices"

	gonum "gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// exactUpTo is the size of samples up to which Mann–Whitney is computed exactly.
const exactUpTo = 30

// MannWhitney is the rank test of two samples: are values of a larger than values of b as
// often as smaller? Value is U, the number of pairs in which a's is the larger, ties
// counting half. It is exact for small samples without ties; else U is taken as normal,
// with the variance that the ties leave and a correction for continuity.
func MannWhitney(a, b []float64) Result {
	u, ties := pairs(a, b)
	r := Result{Test: "Mann–Whitney U", N: min(len(a), len(b)), Value: u}
	if ties == 0 && len(a) <= exactUpTo && len(b) <= exactUpTo {
		r.P = exactU(len(a), len(b), u)
		return r
	}
	na, nb := float64(len(a)), float64(len(b))
	n := na + nb
	variance := na * nb / 12 * (n + 1 - ties/(n*(n-1)))
	if variance <= 0 { // all values are the same
		r.P = 1
		return r
	}
	r.P = min(1, twoSided(max(0, math.Abs(u-na*nb/2)-0.5)/math.Sqrt(variance)))
	return r
}

// pairs gives U of a, and Σ(t³−t) over the groups of t equal values.
func pairs(a, b []float64) (u, ties float64) {
	type value struct {
		v   float64
		ofA bool
	}
	all := make([]value, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(x, y value) int {
		switch {
		case x.v < y.v:
			return -1
		case x.v > y.v:
			return 1
		}
		return 0
	})
	below := 0.0 // values of b
	for i := 0; i < len(all); {
		inA, inB := 0.0, 0.0
		for j := i; i < len(all) && all[i].v == all[j].v; i++ {
			if all[i].ofA {
				inA++
			} else {
				inB++
			}
		}
		u += inA * (below + inB/2)
		below += inB
		t := inA + inB
		ties += t*t*t - t
	}
	return u, ties
}

// exactU counts the orders of na and nb different values that give a U as far out.
func exactU(na, nb int, u float64) float64 {
	u = min(u, float64(na*nb)-u)
	// ways[j][k] is the number of orders of i values of a and j of b that have U = k: the
	// largest value is a's, above all j, or b's.
	ways := make([][]float64, nb+1)
	for j := range ways {
		ways[j] = make([]float64, na*nb+1)
		ways[j][0] = 1
	}
	for range na {
		for j := 1; j <= nb; j++ {
			for k := len(ways[j]) - 1; k >= 0; k-- {
				ways[j][k] = before(ways[j], k-j)
			}
			for k := range ways[j] {
				ways[j][k] += ways[j-1][k]
			}
		}
	}
	tail := sum(ways[nb][:int(u)+1])
	return min(1, 2*tail/math.Exp(choose(na+nb, na)))
}

func before(ways []float64, k int) float64 {
	if k < 0 {
		return 0
	}
	return ways[k]
}

// Rank is the smallest shift that Mann–Whitney finds between two samples of n values like
// these, in their unit.
func (l Level) Rank(like []float64, n int) float64 {
	size := float64(n)
	critical := 0.5 + distuv.UnitNormal.Quantile(1-l.Alpha/2)*math.Sqrt((2*size+1)/(12*size*size))
	if critical >= 1 {
		return math.Inf(1)
	}
	sorted := slices.Sorted(slices.Values(like))
	spread := sorted[len(sorted)-1] - sorted[0]
	return find(0, spread*1.001+1e-9, func(shift float64) bool {
		theta := ahead(sorted, shift)
		return theta-distuv.UnitNormal.Quantile(l.Power)*deviation(theta, size) >= critical
	})
}

// deviation is that of U/n² where theta of the pairs have the larger value in one sample
// (Hanley and McNeil 1982): it goes to 0 with the overlap.
func deviation(theta, n float64) float64 {
	q1, q2 := theta/(2-theta), 2*theta*theta/(1+theta)
	return math.Sqrt(max(0, theta*(1-theta)+(n-1)*(q1+q2-2*theta*theta))) / n
}

// ahead is the share of pairs of a sample with itself in which the one that is moved up is
// the larger; ties count half.
func ahead(sorted []float64, shift float64) float64 {
	less, upTo, count := 0, 0, 0.0
	for _, v := range sorted {
		for less < len(sorted) && sorted[less] < v+shift {
			less++
		}
		for upTo < len(sorted) && sorted[upTo] <= v+shift {
			upTo++
		}
		count += float64(less+upTo) / 2
	}
	return count / float64(len(sorted)) / float64(len(sorted))
}

// KolmogorovSmirnov is the test of the largest distance between the distribution functions
// of two samples. The p-value is Kolmogorov's for large samples, with Stephens' correction
// for smaller ones; ties make it too large.
func KolmogorovSmirnov(a, b []float64) Result {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	d := gonum.KolmogorovSmirnov(a, nil, b, nil)
	n := math.Sqrt(effective(len(a), len(b)))
	return Result{Test: "Kolmogorov–Smirnov", N: min(len(a), len(b)), Value: d, P: kolmogorov((n + 0.12 + 0.11/n) * d)}
}

// kolmogorov is the probability that the supremum of a Brownian bridge is above x.
func kolmogorov(x float64) float64 {
	if x < 0.2 {
		return 1 // to twelve digits, where the series is slow
	}
	p, sign := 0.0, 1.0
	for k := 1.0; k <= 100; k++ {
		p += 2 * sign * math.Exp(-2*k*k*x*x)
		sign = -sign
	}
	return min(1, max(0, p))
}

// Distance is the smallest distance of two distribution functions that
// KolmogorovSmirnov finds.
func (l Level) Distance(na, nb int) float64 {
	critical := find(0.2, 10, func(x float64) bool { return kolmogorov(x) <= l.Alpha })
	// The distance that is seen at its place has a standard deviation of 1/2 or less.
	return (critical + distuv.UnitNormal.Quantile(l.Power)/2) / math.Sqrt(effective(na, nb))
}

// effective is the size of one sample that says as much as two.
func effective(na, nb int) float64 { return float64(na) * float64(nb) / float64(na+nb) }

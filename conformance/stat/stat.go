// Package stat holds the tests by which two samples, or a sample and a law, are told
// apart, each with the smallest effect that it finds: a test without its power says nothing
// when it finds nothing.
//
// Start at Result and Level. Distributions are gonum's; what it does not have is here:
// Mann–Whitney, the p-values of Kolmogorov–Smirnov, Fisher's exact test, Holm's
// adjustment, and power. Sample sizes are fixed by the caller before he looks.
package stat

import (
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Result is one test on one set of data.
type Result struct {
	Test    string  // "χ²", "Welch's t", …
	N       int     // observations, of the smaller sample where there are two
	Value   float64 // of the test's statistic
	Freedom float64 // degrees of freedom, of the tests that have them
	P       float64 // two-sided: how often chance alone gives a value as far out
}

// Level is what a test promises before it sees data: Alpha is how often it rejects where
// there is nothing (two-sided, of one test), Power how often it rejects where there is the
// effect that its methods give.
type Level struct{ Alpha, Power float64 }

// Holm adjusts the p-values of several tests, in the same order: an adjusted one below α
// rejects, and all of them together reject wrongly with probability α at most.
func Holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case ps[a] < ps[b]:
			return -1
		case ps[a] > ps[b]:
			return 1
		}
		return 0
	})
	adjusted, least := make([]float64, len(ps)), 0.0
	for rank, i := range order {
		least = max(least, min(1, ps[i]*float64(len(ps)-rank)))
		adjusted[i] = least
	}
	return adjusted
}

// twoSided is the p-value of a standard normal deviate.
func twoSided(z float64) float64 { return 2 * distuv.UnitNormal.Survival(max(z, -z)) }

// reach is how many standard errors an effect has to measure to be found: the critical
// value, and the distance to it that gives the power.
func (l Level) reach() float64 {
	return distuv.UnitNormal.Quantile(1-l.Alpha/2) + distuv.UnitNormal.Quantile(l.Power)
}

// find gives the x in (low, high) from which on enough is true.
func find(low, high float64, enough func(float64) bool) float64 {
	for range 60 {
		if mid := (low + high) / 2; enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

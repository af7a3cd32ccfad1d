package stat

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Homogeneity is the χ² test of two samples that were counted into the same classes: do
// both follow one law, whichever that is? Classes that neither sample has are left out. Of
// a class that few are in, the law is only nearly χ²: five for each sample will do.
func Homogeneity(a, b []float64) Result {
	na, nb := sum(a), sum(b)
	r := Result{Test: "χ²", N: int(min(na, nb)), Freedom: -1}
	for i := range a {
		both := a[i] + b[i]
		if both == 0 {
			continue
		}
		wa, wb := both*na/(na+nb), both*nb/(na+nb)
		r.Value += (a[i]-wa)*(a[i]-wa)/wa + (b[i]-wb)*(b[i]-wb)/wb
		r.Freedom++
	}
	r.P = distuv.ChiSquared{K: max(r.Freedom, 1)}.Survival(r.Value)
	return r
}

// Fit is the χ² test of counts against a law that is known. Shares are those of the law,
// of one table or of several side by side, each with the sum 1: as many degrees of freedom
// go, and n is the count of one table.
func Fit(seen, shares []float64) Result {
	tables := math.Round(sum(shares))
	n := sum(seen) / tables
	r := Result{Test: "χ²", N: int(n), Freedom: -tables}
	for i, share := range shares {
		if share == 0 && seen[i] == 0 {
			continue
		}
		want := share * n
		r.Value += (seen[i] - want) * (seen[i] - want) / want
		r.Freedom++
	}
	r.P = distuv.ChiSquared{K: max(r.Freedom, 1)}.Survival(r.Value)
	return r
}

// Excess is the smallest amount by which the share of some classes, by the law p together,
// has to be larger, the others smaller in proportion, for Fit to find it in n observations.
func (l Level) Excess(freedom, p float64, n int) float64 {
	return min(1-p, math.Sqrt(l.noncentrality(freedom)*p*(1-p)/float64(n)))
}

// ExcessOfTwo is the same for Homogeneity: how much larger than p in one sample the share
// has to be in the other, with n in each.
func (l Level) ExcessOfTwo(freedom, p float64, n int) float64 {
	lambda := l.noncentrality(freedom)
	return find(0, 1-p, func(e float64) bool {
		common := p + e/2
		return float64(n)/2*e*e >= lambda*common*(1-common)
	})
}

// noncentrality is that of the χ² law under which the test has its power.
func (l Level) noncentrality(freedom float64) float64 {
	critical := distuv.ChiSquared{K: freedom}.Quantile(1 - l.Alpha)
	return find(0, 100+20*critical, func(lambda float64) bool { return exceeds(freedom, lambda, critical) >= l.Power })
}

// exceeds is the probability that a noncentral χ² is above a value: a mixture of central
// ones whose weights are Poisson's.
func exceeds(freedom, lambda, value float64) float64 {
	if lambda == 0 {
		return distuv.ChiSquared{K: freedom}.Survival(value)
	}
	weights := distuv.Poisson{Lambda: lambda / 2}
	reach := 12*math.Sqrt(lambda/2) + 12 // standard deviations: what is left out is below 10^-12
	p := 0.0
	for j := math.Floor(max(0, lambda/2-reach)); j <= lambda/2+reach; j++ {
		p += weights.Prob(j) * distuv.ChiSquared{K: freedom + 2*j}.Survival(value)
	}
	return p
}

// Fisher is the exact test of two shares: hitsA of na against hitsB of nb.
func Fisher(hitsA, na, hitsB, nb int) Result {
	hits := hitsA + hitsB
	ways := func(k int) float64 { return choose(na, k) + choose(nb, hits-k) - choose(na+nb, hits) }
	here := ways(hitsA)
	r := Result{Test: "Fisher's exact test", N: min(na, nb), Value: float64(hitsA)/float64(na) - float64(hitsB)/float64(nb)}
	for k := max(0, hits-nb); k <= min(na, hits); k++ {
		if w := ways(k); w <= here+1e-7 { // the same table, and rounding
			r.P += math.Exp(w)
		}
	}
	r.P = min(1, r.P)
	return r
}

// choose is the logarithm of a binomial coefficient.
func choose(n, k int) float64 {
	all, _ := math.Lgamma(float64(n) + 1)
	in, _ := math.Lgamma(float64(k) + 1)
	out, _ := math.Lgamma(float64(n-k) + 1)
	return all - in - out
}

// Share is by how much a share has to differ from p, towards the middle, to be found by
// Fisher's test with n in each of two samples; infinite where n is too small for any.
func (l Level) Share(p float64, n int) float64 {
	p = min(p, 1-p)
	least := 1 / float64(n) // with fewer hits than that the arc sine promises too much
	angle := math.Asin(math.Sqrt(max(p, least))) + l.reach()*math.Sqrt(1/(2*float64(n)))
	if angle >= math.Pi/2 {
		return math.Inf(1)
	}
	sine := math.Sin(angle)
	return sine*sine - p
}

// Counts is the test of a number of rare events, of which chance expects mean.
func Counts(n int, seen, mean float64) Result {
	law := distuv.Poisson{Lambda: mean}
	return Result{Test: "Poisson", N: n, Value: seen, P: min(1, 2*min(law.CDF(seen), law.Survival(seen-1)))}
}

// Factor is the smallest factor above 1 on the mean of a number of events that Counts finds.
func (l Level) Factor(mean float64) float64 {
	law := distuv.Poisson{Lambda: mean}
	critical := math.Ceil(find(mean, 10*mean+100, func(k float64) bool { return law.Survival(math.Ceil(k)-1) <= l.Alpha/2 }))
	return find(1, (10*critical+100)/mean, func(f float64) bool {
		return distuv.Poisson{Lambda: f * mean}.Survival(critical-1) >= l.Power
	})
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

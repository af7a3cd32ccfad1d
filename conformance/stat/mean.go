package stat

import (
	"math"

	gonum "gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Welch is the t test of two means whose variances may differ. Value is t; the law is
// right for normal samples, and nearly so for large ones.
func Welch(a, b []float64) Result {
	difference, se, freedom := standing(a, b)
	r := Result{Test: "Welch's t", N: min(len(a), len(b)), Freedom: freedom, P: 1}
	switch {
	case se > 0:
		r.Value = difference / se
		r.P = 2 * distuv.StudentsT{Sigma: 1, Nu: freedom}.Survival(math.Abs(r.Value))
	case difference != 0: // two constants
		r.Value, r.P = math.Inf(1), 0
	}
	return r
}

// Mean is the smallest difference of the means of two samples like these that Welch's
// test finds, in their unit.
func (l Level) Mean(a, b []float64) float64 {
	_, se, freedom := standing(a, b)
	if se == 0 {
		return 0
	}
	t := distuv.StudentsT{Sigma: 1, Nu: freedom}
	return se * (t.Quantile(1-l.Alpha/2) + t.Quantile(l.Power))
}

// standing gives a's mean over b's, its standard error, and the degrees of freedom of
// Welch and Satterthwaite.
func standing(a, b []float64) (difference, se, freedom float64) {
	ma, va := gonum.MeanVariance(a, nil)
	mb, vb := gonum.MeanVariance(b, nil)
	na, nb := float64(len(a)), float64(len(b))
	va, vb = va/na, vb/nb
	freedom = (va + vb) * (va + vb) / (va*va/(na-1) + vb*vb/(nb-1))
	return ma - mb, math.Sqrt(va + vb), freedom
}

// Serial is the test of the correlation between each value of a sequence and the next.
// Value is the coefficient.
func Serial(x []float64) Result {
	r := Result{Test: "serial correlation", N: len(x) - 1}
	r.Value = gonum.Correlation(x[:len(x)-1], x[1:], nil)
	if math.IsNaN(r.Value) { // a constant: each value tells the next
		r.Value = 1
	}
	r.P = twoSided(math.Atanh(r.Value) * math.Sqrt(float64(r.N-3)))
	return r
}

// Correlation is the smallest coefficient that Serial finds among n pairs.
func (l Level) Correlation(n int) float64 { return math.Tanh(l.reach() / math.Sqrt(float64(n-3))) }

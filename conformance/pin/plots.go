package pin

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/epsbench/epsbench/conformance"
)

// expectedBounds is what share of a fair sample's values lie between the bounds of a plot.
const expectedBounds = 0.999

// boundsOf names the curves between which chance keeps values.
var boundsOf = fmt.Sprintf("where chance keeps %v %% of the values", 100*expectedBounds)

// arrivals draws when refusals come, cause by cause, as the share that is there by then.
func (x timings) arrivals() *conformance.Series {
	first, others := x.causes[0], x.causes[1:]
	s := &conformance.Series{
		Name: "Refusals of " + x.of, XLabel: "milliseconds after the step of the grid", YLabel: "% of the refusals that have come",
		Caption: fmt.Sprintf("Where the curves of all %d causes lie on one another, the time of a refusal does not tell why it came. A cause with a curve of its own gives itself away.", len(x.causes)),
		Curves:  []conformance.Curve{arrived(first.name, x.after(first.took))},
	}
	for _, c := range others {
		s.Curves = append(s.Curves, arrived(fmt.Sprintf("%d other causes", len(others)), x.after(c.took)))
	}
	return s
}

// arrived is a distribution function, up to where one value in a hundred is left.
func arrived(name string, ms []float64) conformance.Curve {
	c := conformance.Curve{Name: name}
	var at []float64
	for percent := 1; percent < 100; percent++ {
		at, c.Y = append(at, float64(percent)/100), append(c.Y, float64(percent))
	}
	for _, v := range quantiles(ms, at...) {
		c.X = append(c.X, thousandths(v))
	}
	return c
}

// digitsOf draws the digits of what was drawn.
func digitsOf(pins, codes drawing) *conformance.Series {
	all := func(d drawing) []float64 {
		counts := make([]float64, len(decimal))
		for _, w := range d.words {
			for _, c := range w {
				counts[c-'0']++
			}
		}
		return counts
	}
	places := len(pins.words[0])
	expected := make([]float64, len(decimal))
	for place := range places {
		for d, share := range pins.law.char(place) {
			expected[d] += share / float64(places)
		}
	}
	return frequencies(conformance.Series{
		Name:    "Digits of PINs and registration codes",
		Caption: "Each digit should come about as often as every other. The bounds are those for as many digits as the PINs have; the codes have more, and should lie closer to the middle.",
	}, [2]string{"PINs", "registration codes"}, [2][]float64{all(pins), all(codes)}, expected, places*len(pins.words))
}

// lastDigitsOf draws the last digits of OTPs.
func lastDigitsOf(right, wrong otps) *conformance.Series {
	last := func(numbers []int) []float64 {
		counts := make([]float64, len(decimal))
		for _, otp := range numbers {
			counts[otp%10]++
		}
		return counts
	}
	a, b := last(right.numbers), last(wrong.numbers)
	both := make([]float64, len(decimal))
	for d := range both {
		both[d] = (a[d] + b[d]) / float64(2*len(right.numbers))
	}
	return frequencies(conformance.Series{
		Name:    "Last digits of OTPs",
		Caption: "OTPs of right and of wrong PINs should end in each digit about equally often. What counts is that dot and ring stay together, not that either is level.",
	}, [2]string{"right PINs", "wrong PINs"}, [2][]float64{a, b}, both, len(right.numbers))
}

// frequencies draws how often each digit comes, in two samples, with the bounds of chance
// for n digits around the share that is expected of each.
func frequencies(s conformance.Series, names [2]string, counts [2][]float64, expected []float64, n int) *conformance.Series {
	s.XLabel, s.YLabel = "digit", "% of the digits"
	reach := distuv.UnitNormal.Quantile((1 + expectedBounds) / 2)
	var low, high []float64
	for _, share := range expected {
		away := reach * math.Sqrt(share*(1-share)/float64(n))
		low, high = append(low, thousandths(100*(share-away))), append(high, thousandths(100*(share+away)))
	}
	for i, name := range names {
		total := 0.0
		for _, k := range counts[i] {
			total += k
		}
		var shares []float64
		for _, k := range counts[i] {
			shares = append(shares, thousandths(100*k/total))
		}
		s.Curves = append(s.Curves, conformance.Curve{Name: name, X: digitAxis, Y: shares})
	}
	s.Curves = append(s.Curves, conformance.Curve{Name: boundsOf, X: digitAxis, Y: low}, conformance.Curve{Name: boundsOf, X: digitAxis, Y: high})
	return &s
}

var digitAxis = []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}

func thousandths(v float64) float64 { return math.Round(v*1000) / 1000 }

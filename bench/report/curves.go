package report

import (
	"math"
	"slices"

	"github.com/epsbench/epsbench/conformance"
)

// curve is one line of a figure.
type curve struct {
	Name  string
	Style string  // a class of page.css
	Line  string  // of many values, and of bounds: the points of an SVG polyline
	Dots  []point // of few
}

// fewDots is how many values stand alone: digits, say, have nothing between them.
const fewDots = 12

// styles are those of the first names of a figure; what comes after looks like the last.
var styles = []string{"seen", "theory", "bounds"}

// drawCurves draws named curves over numbers. What is drawn later lies on top, so the
// first curve comes last.
func drawCurves(p Plot, claim, id string) figure {
	f := frame(p, claim, id)
	var xs, ys []float64
	for _, c := range p.Curves {
		for i := range min(len(c.X), len(c.Y)) {
			if finite(c.X[i]) && finite(c.Y[i]) {
				xs, ys = append(xs, c.X[i]), append(ys, c.Y[i])
			}
		}
	}
	x, xTicks := axis(xs, 9)
	y, yTicks := axis(ys, 5)
	across := func(v float64) float64 { return round(f.Left + x(v)*(f.Right-f.Left)) }
	up := func(v float64) float64 { return round(f.Bottom - y(v)*(f.Bottom-f.Top)) }
	for _, v := range xTicks {
		f.XTicks = append(f.XTicks, tick{across(v), number(v)})
	}
	for _, v := range yTicks {
		f.YTicks = append(f.YTicks, tick{up(v), number(v)})
	}
	for _, c := range p.Curves {
		f.add(c, across, up)
	}
	slices.Reverse(f.Lines)
	return f
}

func (f *figure) add(c conformance.Curve, across, up func(float64) float64) {
	i := slices.IndexFunc(f.Key, func(k curve) bool { return k.Name == c.Name })
	if i < 0 {
		i = len(f.Key)
		f.Key = append(f.Key, curve{Name: c.Name, Style: styles[min(i, len(styles)-1)]})
	}
	var ps []point
	for k := range min(len(c.X), len(c.Y)) {
		if finite(c.X[k]) && finite(c.Y[k]) {
			ps = append(ps, point{X: across(c.X[k]), Y: up(c.Y[k])})
		}
	}
	drawn := f.Key[i]
	if len(ps) <= fewDots && drawn.Style != "bounds" {
		drawn.Dots, f.Key[i].Dots = ps, ps
	} else {
		drawn.Line = line(ps)
	}
	f.Lines = append(f.Lines, drawn)
}

// axis maps the range of some values to 0 … 1, and gives about so many round numbers in it. It begins at 0
// where that is not far below the values.
func axis(values []float64, about float64) (scale func(float64) float64, ticks []float64) {
	low, high := 0.0, 1.0
	if len(values) > 0 {
		low, high = slices.Min(values), slices.Max(values)
	}
	if low > 0 && low < high/2 {
		low = 0
	}
	if least := 1e-6 * max(math.Abs(low), math.Abs(high), 1e-6); high-low < least {
		high = low + least // what is the same is drawn as a line, and steps come to an end
	}
	if ticks = steps(low, high, about); len(ticks) > 0 {
		high = max(high, ticks[len(ticks)-1]) // the round number that is near ends the axis
	}
	return func(v float64) float64 { return (v - low) / (high - low) }, ticks
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The drawing area of a figure, in SVG units.
const (
	plotWidth, plotHeight = 480.0, 270.0
	plotLeft, plotRight   = 62.0, 14.0
	plotTop, plotBottom   = 26.0, 50.0

	headRoom  = 0.92 // share of the height that the largest value takes
	fewPoints = 8    // up to here points stand alone with their values; beyond, lines
)

// figure is a Plot with every place computed: the template only draws.
type figure struct {
	Plot
	Claim         string
	Case          string
	Width, Height float64
	Left, Right   float64 // of the axes
	Top, Bottom   float64
	XTicks        []tick
	YTicks        []tick
	TheoryPoints  []point // of a few values
	SeenPoints    []point
	TheoryLine    string // of many: the points of an SVG polyline
	SeenLine      string
	Lines         []curve // of named curves
	Key           []curve // one for each name
	Log           bool
}

type tick struct {
	At   float64
	Text string
}

type point struct {
	X, Y float64
	Text string // the value
}

// figures draws every series of the claims.
func figures(cs []Claim) []figure {
	var out []figure
	for _, c := range cs {
		for _, k := range c.Cases {
			switch {
			case k.Series == nil:
			case len(k.Series.Curves) > 0:
				out = append(out, drawCurves(*k.Series, c.ID, k.ID))
			case len(k.Series.Labels) > 0:
				out = append(out, draw(*k.Series, c.ID, k.ID))
			}
		}
	}
	return out
}

// frame is a figure with nothing in it.
func frame(p Plot, claim, id string) figure {
	return figure{Plot: p, Claim: claim, Case: id, Width: plotWidth, Height: plotHeight,
		Left: plotLeft, Right: plotWidth - plotRight, Top: plotTop, Bottom: plotHeight - plotBottom}
}

func draw(p Plot, claim, id string) figure {
	f := frame(p, claim, id)
	values := slices.DeleteFunc(slices.Concat(p.Theory, p.Seen), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(values) == 0 {
		values = []float64{0, 1}
	}
	low, high := slices.Min(values), slices.Max(values)
	f.Log = low > 0 && high/low > 50
	scale, ticks := linear(min(low, 0), high), []float64(nil)
	if f.Log {
		scale, ticks = logarithmic(low, high)
	} else {
		ticks = steps(min(low, 0), high, 4)
	}
	y := func(v float64) float64 { return round(f.Bottom - scale(v)*(f.Bottom-f.Top)) }
	for _, v := range ticks {
		f.YTicks = append(f.YTicks, tick{y(v), number(v)})
	}
	n := len(p.Labels)
	x := func(i int) float64 {
		return round(f.Left + (float64(i)+0.5)*(f.Right-f.Left)/float64(n))
	}
	every := (n + 9) / 10
	for i, label := range p.Labels {
		if i%every == 0 {
			f.XTicks = append(f.XTicks, tick{x(i), label})
		}
	}
	theory, seen := points(p.Theory, x, y), points(p.Seen, x, y)
	if n <= fewPoints {
		f.TheoryPoints, f.SeenPoints = theory, seen
	} else {
		f.TheoryLine, f.SeenLine = line(theory), line(seen)
	}
	return f
}

func points(values []float64, x func(int) float64, y func(float64) float64) []point {
	var ps []point
	for i, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			ps = append(ps, point{x(i), y(v), number(v)})
		}
	}
	return ps
}

func line(ps []point) string {
	var s strings.Builder
	for _, p := range ps {
		fmt.Fprintf(&s, "%g,%g ", p.X, p.Y)
	}
	return s.String()
}

// linear maps low…high to 0…1, with head room.
func linear(low, high float64) func(float64) float64 {
	if high <= low {
		high = low + 1
	}
	return func(v float64) float64 { return (v - low) / (high - low) * headRoom }
}

// logarithmic maps whole decades around low…high to 0…1.
func logarithmic(low, high float64) (scale func(float64) float64, ticks []float64) {
	from, to := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	for d := from; d <= to; d++ {
		ticks = append(ticks, math.Pow(10, d))
	}
	return func(v float64) float64 { return (math.Log10(v) - from) / (to - from) * headRoom }, ticks
}

// steps gives round numbers from low to high, in about so many steps.
func steps(low, high, about float64) []float64 {
	if high <= low {
		high = low + 1
	}
	raw := (high - low) / about
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*unit >= raw {
			unit *= m
			break
		}
	}
	var out []float64
	for v := math.Ceil(low/unit) * unit; v <= high*1.05; v += unit {
		out = append(out, v)
	}
	return out
}

// number writes a value short: 10 000, 2.02, 1.000.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e9 {
		s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "\u202f" + s[i:]
		}
		if v < 0 {
			return "−" + s
		}
		return s
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

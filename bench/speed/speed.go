// Package speed compares the emulator with its peer, SoftHSMv2, on the same machine in
// the same minute: ratios, never times. Each has the least or the most that DESIGN's
// table of speeds asks for.
//
// Start at Measure. The parties take turns, and what counts is the median of the ratios,
// so that the machine's mood falls on both.
package speed

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Row is one line of the table.
type Row struct {
	What  string  // "HMAC-SHA-256, in process"
	With  string  // "2 goroutines"
	Value float64 // what was measured
	Unit  string  // "×", "ns", "bytes"
	Least float64 // the bound, when it is one from below
	Most  float64 // or from above
}

// Met tells whether the value keeps its bound.
func (r Row) Met() bool {
	if r.Most != 0 {
		return r.Value <= r.Most
	}
	return r.Value >= r.Least
}

// Options say what is measured.
type Options struct {
	Library string        // path of libepsemu.so
	SoftHSM string        // path of libsofthsm2.so
	Dir     string        // for the tokens of libraries
	Rounds  int           // how often the parties take turns
	Round   time.Duration // how long a turn lasts, at least
	Objects int           // how many token objects the search is measured with
}

// Measure measures everything, and says each row as soon as it has it.
func Measure(o Options, say func(Row)) error {
	for _, part := range []func(Options, func(Row)) error{ratios, layers, objects} {
		if err := part(o, say); err != nil {
			return err
		}
	}
	return nil
}

// ratios compares token and library with SoftHSM, with one goroutine and with two.
func ratios(o Options, say func(Row)) error {
	parties, err := openParties(o)
	if err != nil {
		return err
	}
	defer parties.close()
	for _, w := range works {
		for i, n := range []int{1, 2} {
			times, err := parties.race(w, n, o)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			with := []string{"1 goroutine", "2 goroutines"}[i]
			say(Row{What: w.name + ", in process", With: with, Value: ratio(times.peer, times.token), Unit: "×", Least: w.least[i]})
			if w.library[i] != 0 {
				say(Row{What: w.name + ", libepsemu.so", With: with, Value: ratio(times.peer, times.library), Unit: "×", Least: w.library[i]})
			}
		}
	}
	return nil
}

// ratio is the median of how many times as long a took as b, turn by turn.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// runner repeats a call in some goroutines, so many times a turn.
type runner struct {
	calls []func() error
	times int
}

// newRunner makes turns that last as long as asked.
func newRunner(calls []func() error, least time.Duration) (*runner, error) {
	r := &runner{calls: calls, times: 1}
	for {
		each, err := r.turn()
		if err != nil || each*float64(r.times) >= float64(least) {
			return r, err
		}
		r.times *= 2
	}
}

// turn gives the time of a call in ns, over all goroutines.
func (r *runner) turn() (float64, error) {
	errs := make([]error, len(r.calls))
	var wg sync.WaitGroup
	begin := time.Now()
	for i, call := range r.calls {
		wg.Go(func() {
			for range r.times {
				if errs[i] = call(); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	took := float64(time.Since(begin)) / float64(r.times)
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return took, nil
}

package speed

import (
	"testing"
	"time"

	"github.com/epsbench/epsbench/bench/target"
)

func TestBoundsAreKeptFromTheirSide(t *testing.T) {
	for _, tt := range []struct {
		row Row
		met bool
	}{
		{Row{Value: 25, Least: 25}, true}, {Row{Value: 24.9, Least: 25}, false},
		{Row{Value: 100, Most: 100}, true}, {Row{Value: 101, Most: 100}, false},
	} {
		if got := tt.row.Met(); got != tt.met {
			t.Errorf("%+v: %v", tt.row, got)
		}
	}
}

func TestARatioIsTheMedianOfTurns(t *testing.T) {
	// One turn in which the machine was busy does not count.
	if got := ratio([]float64{30, 900, 32}, []float64{10, 10, 10}); got != 3.2 {
		t.Errorf("got %v, want 3.2", got)
	}
}

// Each work is one that token and SoftHSM do, with the same calls.
func TestBothPartiesDoEveryWork(t *testing.T) {
	softHSM, err := target.SoftHSM()
	if err != nil {
		t.Fatal(err)
	}
	if err := configureSoftHSM(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	peer, err := openLibrary(softHSM)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.close()
	mine, err := openToken()
	if err != nil {
		t.Fatal(err)
	}
	defer mine.close()
	for _, w := range works {
		for name, p := range map[string]*party{"SoftHSM": peer, "the token": mine} {
			calls, err := w.calls(p, 2)
			if err != nil {
				t.Errorf("%s on %s: %v", w.name, name, err)
				continue
			}
			r, err := newRunner(calls, time.Millisecond)
			if err != nil {
				t.Errorf("%s on %s: %v", w.name, name, err)
			} else if r.times < 1 {
				t.Errorf("%s on %s: no call a turn", w.name, name)
			}
		}
	}
}

// A search that goes through all objects, a heavy object, a slow layer would show.
func TestLayersAndObjectsAreMeasured(t *testing.T) {
	var rows []Row
	o := Options{Rounds: 3, Round: time.Millisecond, Objects: 2000}
	for _, part := range []func(Options, func(Row)) error{layers, objects} {
		if err := part(o, func(r Row) { rows = append(rows, r) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(rows) != 15 {
		t.Errorf("%d rows, want 15", len(rows))
	}
	for _, r := range rows {
		if r.Most == 0 || r.Value < 0 {
			t.Errorf("%+v", r)
		}
	}
}

package speed

import (
	"math"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// Bounds of a layer, ns a call beside its own work.
const (
	mostOverride = 5
	mostAround   = 100
)

// idle is a module that does nothing, so that only what stands before it is measured.
type idle struct{ cryptoki.Module }

func (idle) Sign(pkcs11.SessionHandle, []byte) ([]byte, error) { return nil, nil }

// override is a layer of a few typed overrides: Sign is not among them.
type override struct{ cryptoki.Module }

func (o override) Logout(sh pkcs11.SessionHandle) error { return o.Module.Logout(sh) }

// layered is a layer before idle, and the most that it may add to a call, ns.
type layered struct {
	what string
	m    cryptoki.Module
	most float64
}

// before puts each kind of layer before a module. Those with work of their own have none to
// do for the call that is measured: no rule holds, no fault strikes, nobody wants a record.
func before(m cryptoki.Module) ([]layered, error) {
	luna, err := personality.Load("luna-7")
	if err != nil {
		return nil, err
	}
	as, err := personality.New(m, luna, personality.Options{})
	if err != nil {
		return nil, err
	}
	lost, err := fault.Load("session-lost-during-decrypt")
	if err != nil {
		return nil, err
	}
	faults, err := fault.New(m, lost, fault.Options{})
	if err != nil {
		return nil, err
	}
	return []layered{
		{"a layer of a few overrides", override{m}, mostOverride},
		{"a layer around every call", cryptoki.Around(m, (*cryptoki.Call).Next), mostAround},
		{"the personality luna-7", as, mostAround},
		{"a scenario of faults", faults.Module(), mostAround},
		{"needles", needle.New(m, needle.Needle.Clear), mostAround},
		{"a trace that nobody wants", trace.With(m, trace.Options{Wanted: func() bool { return false }}, func(trace.Record) {}), mostAround},
	}, nil
}

// layers measures what a layer adds to a call, and that it allocates nothing.
func layers(o Options, say func(Row)) error {
	var bare cryptoki.Module = idle{}
	all, err := before(bare)
	if err != nil {
		return err
	}
	for _, l := range all {
		cost, err := added(bare, l.m, o)
		if err != nil {
			return err
		}
		say(Row{What: l.what, With: "a call", Value: cost, Unit: "ns", Most: l.most})
		m, message := l.m, random(16)
		allocations := testing.AllocsPerRun(1000, func() { _, _ = m.Sign(1, message) })
		say(Row{What: l.what, With: "a call", Value: allocations, Unit: "allocations", Most: 0.5})
	}
	return nil
}

// added is how many ns more a call takes through m than through bare: the difference of
// the quickest turns, to which other programs have added least.
func added(bare, m cryptoki.Module, o Options) (float64, error) {
	const turns = 10 // as many as a round of the other measurements, and as much shorter
	runners, least := make([]*runner, 2), []float64{math.Inf(1), math.Inf(1)}
	for i, module := range []cryptoki.Module{bare, m} {
		r, err := newRunner([]func() error{thousand(module)}, o.Round/turns/2)
		if err != nil {
			return 0, err
		}
		runners[i] = r
	}
	for range o.Rounds * turns {
		for i, r := range runners {
			took, err := r.turn()
			if err != nil {
				return 0, err
			}
			least[i] = min(least[i], took/1000)
		}
	}
	return max(0, least[1]-least[0]), nil
}

// thousand makes a thousand calls, so that the loop around them does not count.
func thousand(m cryptoki.Module) func() error {
	return func() error {
		for range 1000 {
			if _, err := m.Sign(1, nil); err != nil {
				return err
			}
		}
		return nil
	}
}

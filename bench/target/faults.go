package target

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/layer/fault"
)

// scenarios are those that the options name: all of them, or one.
func (s *system) scenarios() ([]*fault.Scenario, error) {
	if s.options.Fault == "" {
		return fault.List(), nil
	}
	one, err := fault.Load(s.options.Fault)
	if err != nil {
		return nil, err
	}
	return []*fault.Scenario{one}, nil
}

// Faults implements conformance.Faulty.
func (f fragile) Faults() []conformance.Fault {
	scenarios, err := f.scenarios()
	if err != nil {
		return nil // the command has refused it
	}
	out := make([]conformance.Fault, len(scenarios))
	for i, s := range scenarios {
		out[i] = conformance.Fault{Name: s.Name, About: s.About, Wrong: s.Wrong()}
	}
	return out
}

// Fail implements conformance.Faulty.
func (f fragile) Fail(_ context.Context, name string) (end func() int, err error) {
	s, err := f.named(name)
	if err != nil {
		return nil, err
	}
	before := 0
	for _, l := range f.breaks.faults {
		before += l.Fired()
		if err := l.Play(s); err != nil {
			return nil, err
		}
	}
	f.breaks.later.Add(int64(s.Idle() + time.Second))
	return func() (struck int) {
		for _, l := range f.breaks.faults {
			l.Disarm()
			struck += l.Fired()
		}
		return struck - before
	}, nil
}

func (f fragile) named(name string) (*fault.Scenario, error) {
	scenarios, err := f.scenarios()
	for _, s := range scenarios {
		if s.Name == name {
			return s, nil
		}
	}
	return nil, errors.Join(err, fmt.Errorf("%w: %q", fault.ErrUnknown, name))
}

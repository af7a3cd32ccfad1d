package target

import (
	"context"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
)

// permits is what a token of the emulator lets through under a personality.
func permits(as string) ([]string, error) {
	if as == "" {
		return nil, nil
	}
	p, err := personality.Load(as)
	if err != nil {
		return nil, err
	}
	return p.Permits(), nil
}

// personified puts the personality of the run before a module.
func (s *slots) personified(m cryptoki.Module) (cryptoki.Module, error) {
	if s.as == "" {
		return m, nil
	}
	p, err := personality.Load(s.as)
	if err != nil {
		return nil, err
	}
	return personality.New(m, p, personality.Options{})
}

// Promises are what the personality of the run says that its HSM does. What a token of ours
// is to permit for it is not promised of another library behind.
func (s *system) Promises() ([]conformance.Promise, error) {
	if s.slots.as == "" {
		return nil, nil
	}
	p, err := personality.Load(s.slots.as)
	if err != nil {
		return nil, err
	}
	return Promises(p, s.slots.whole == nil), nil
}

// Promises are the rules of a personality that somebody outside can see; all tells
// whether those count that a layer cannot bring about, only the token itself.
func Promises(p *personality.Personality, all bool) []conformance.Promise {
	var out []conformance.Promise
	for _, r := range p.Rules {
		if r.Probe == "" || len(r.Then.Permit) > 0 && !all {
			continue
		}
		out = append(out, conformance.Promise{
			ID: p.Name + "/" + r.ID, Text: r.Text, Source: r.Source, Confidence: r.Confidence, Probe: r.Probe, Observed: r.Observed,
		})
	}
	return out
}

// Promised gives a suite a token of its own behind the personality.
func (s *system) Promised(ctx context.Context) (conformance.Slot, error) {
	return s.Slot(ctx)
}

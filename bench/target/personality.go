package target

import (
	"sync"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
)

// permits is what a token of the emulator lets through for the personality.
func (s *slots) permits() []string {
	if s.as == nil {
		return nil
	}
	return s.as.Permits()
}

// personified puts the personality before a module, the same layer each time.
func (s *slots) personified(m cryptoki.Module) (cryptoki.Module, error) {
	if s.of != nil {
		return s.of.personified(m)
	}
	if s.as == nil {
		return m, nil
	}
	wearing.Lock()
	defer wearing.Unlock()
	if worn := s.worn[m]; worn != nil {
		return worn, nil
	}
	worn, err := personality.New(m, s.as, personality.Options{})
	if err != nil {
		return nil, err
	}
	if s.worn == nil {
		s.worn = map[cryptoki.Module]cryptoki.Module{}
	}
	s.worn[m] = worn
	return worn, nil
}

// wearing guards the maps of worn modules: suites ask for slots from many goroutines.
var wearing sync.Mutex

// Promises are what the personality of the run says that its HSM does. What a token of ours
// is to permit for it is not promised of another library behind.
func (s *system) Promises() ([]conformance.Promise, error) {
	if s.slots.as == nil {
		return nil, nil
	}
	return promises(s.slots.as, s.slots.whole == nil), nil
}

// promises are the rules of a personality that somebody outside can see; all tells
// whether those count that a layer cannot bring about, only the token itself.
func promises(p *personality.Personality, all bool) []conformance.Promise {
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

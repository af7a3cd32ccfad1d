package target

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/needle"
)

// mostKeys bounds what a sight keeps. A suite that hunts for keys comes to a few hundred;
// fifty thousand enrolments are for other claims.
const mostKeys = 16_384

// sight keeps the clear values of the keys that the servers of a target have had their HSM
// make or take. A nil sight sees nothing: only the emulator tells what its keys are.
type sight struct {
	mu   sync.Mutex
	keys []conformance.HSMKey
	seen map[sighting]bool
	more bool // than it keeps
}

// sighting is a key by the way that it came.
type sighting struct{ slot, from, label, digest string }

func newSight() *sight { return &sight{seen: map[sighting]bool{}} }

// sighted is a module with the word of the token behind it.
type sighted struct {
	cryptoki.Extended
	needle.Knower
}

// before puts the layer that tells keys before m, where the token that is behind it knows
// them. What a suite does in sessions of its own does not pass here.
func (s *sight) before(slot string, m, behind cryptoki.Module) cryptoki.Module {
	knower, ok := behind.(needle.Knower)
	if s == nil || !ok {
		return m
	}
	return needle.New(sighted{cryptoki.Extend(m), knower}, func(n needle.Needle) { s.add(slot, n) })
}

// add takes the needle over, or clears it.
func (s *sight) add(slot string, n needle.Needle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.more { // nothing is told any more
		n.Clear()
		return
	}
	switch way := (sighting{slot, n.From, n.Label, n.Digest()}); {
	case s.seen[way]:
		n.Clear()
	case len(s.keys) == mostKeys:
		s.more = true
		n.Clear()
	default:
		s.seen[way] = true
		s.keys = append(s.keys, conformance.NewHSMKey(slot, n.From, n.Label, n.Value()))
	}
}

// clear overwrites and forgets everything.
func (s *sight) clear() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		k.Clear()
	}
	s.keys, s.seen = nil, map[sighting]bool{}
}

// tellsKeys tells whether the keys are all seen: servers that are processes of their own have
// theirs there.
func (s *system) tellsKeys() bool { return s.sight != nil && s.divided == nil }

// Keys implements conformance.HSMKeys.
func (s *system) Keys() ([]conformance.HSMKey, error) {
	if !s.tellsKeys() {
		return nil, errors.New("the HSM tells nobody what its keys are")
	}
	return s.sight.copies()
}

func (s *sight) copies() ([]conformance.HSMKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.more {
		return nil, fmt.Errorf("the HSMs have had more than %d keys", mostKeys)
	}
	var all []conformance.HSMKey
	for _, k := range s.keys {
		all = append(all, conformance.NewHSMKey(k.Slot, k.From, k.Label, bytes.Clone(k.Value())))
	}
	return all, nil
}

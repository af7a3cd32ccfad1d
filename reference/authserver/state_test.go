package authserver

import (
	"errors"
	"slices"
	"testing"

	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/store"
)

// TestTransitions plays every event on every state, activated or not, locked by its counts
// or not.
func TestTransitions(t *testing.T) {
	s := &Server{policy: complete(t, Rules{})}
	for _, state := range slices.Concat(live, gone) {
		for _, e := range []event{unlocked, event(plugin.Suspend), event(plugin.Resume), event(plugin.Revoke), event(plugin.Cancel)} {
			for _, activated := range []bool{false, true} {
				for _, failures := range []int{0, 3} {
					c := store.Credential{State: state, Suite: "HOTP-SHA256-6", PINDigits: 6, Activated: activated, Failures: failures}
					after, err := s.moved(c, e)
					if want := reached(c, e); want != after.State && err == nil || (want == "") != errors.Is(err, errNo) {
						t.Errorf("%s when %s, activated %v, %d failures: %s, %v; want %q", e, state, activated, failures, after.State, err, want)
					}
				}
			}
		}
	}
}

// reached says the same in words: the state after e, or nothing where e is refused.
func reached(c store.Credential, e event) string {
	usually := stateActive
	switch {
	case c.Failures >= 3:
		usually = stateLocked
	case !c.Activated:
		usually = stateInactive
	}
	over := c.State == stateRevoked || c.State == stateCancelled
	switch e {
	case event(plugin.Revoke), event(plugin.Cancel):
		if over {
			return c.State
		}
		return map[event]string{event(plugin.Revoke): stateRevoked, event(plugin.Cancel): stateCancelled}[e]
	case event(plugin.Suspend):
		if over {
			return ""
		}
		return stateSuspended
	case event(plugin.Resume):
		if over {
			return ""
		}
		if c.State == stateSuspended {
			return usually
		}
		return c.State
	}
	if over {
		return ""
	}
	if c.State == stateSuspended {
		return stateSuspended
	}
	return usually
}

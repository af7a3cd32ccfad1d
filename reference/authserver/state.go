package authserver

import (
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// The states of a credential.
const (
	stateInactive  = "inactive" // made for activation: nothing else accepts its OTPs
	stateActive    = "active"
	stateLocked    = "locked" // by its counts, until an unlock
	stateSuspended = "suspended"
	stateRevoked   = "revoked"
	stateCancelled = "cancelled"
)

// Where an event leads that has no state of its own.
const (
	// standing is inactive, active or locked, as activation and counts of the row say.
	// So neither a resume nor an unlock activates, and a resume does not unlock.
	standing = "standing"
	same     = "same"
)

// event moves a credential. Those of the EPS are the operations of the plug-in contract.
type event string

const unlocked event = "unlock"

// transitions is the life of a credential beside its OTPs: testing one leaves it standing.
// Of a credential that already is where an event leads, the EPS is told that it is done.
var transitions = []struct {
	event event
	from  []string
	to    string
}{
	{unlocked, standings, standing},
	{unlocked, suspended, same},
	{event(plugin.Suspend), standings, stateSuspended},
	{event(plugin.Suspend), suspended, same},
	{event(plugin.Resume), suspended, standing},
	{event(plugin.Resume), standings, same},
	{event(plugin.Revoke), live, stateRevoked},
	{event(plugin.Revoke), gone, same},
	{event(plugin.Cancel), live, stateCancelled},
	{event(plugin.Cancel), gone, same},
}

var (
	usable    = []string{stateInactive, stateActive}
	standings = append(slices.Clone(usable), stateLocked)
	suspended = []string{stateSuspended}
	live      = append(slices.Clone(standings), stateSuspended)
	gone      = []string{stateRevoked, stateCancelled}
)

// moved is c after an event, or errNo where the table has no such move.
func (s *Server) moved(c store.Credential, e event) (store.Credential, error) {
	for _, t := range transitions {
		if t.event != e || !slices.Contains(t.from, c.State) {
			continue
		}
		switch t.to {
		case same:
			return c, nil
		case standing:
			return s.stood(c)
		}
		c.State = t.to
		return c, nil
	}
	return c, fmt.Errorf("%s a token that is %s: %w", e, c.State, errNo)
}

// stood is c in the state that its activation and counts give.
func (s *Server) stood(c store.Credential) (store.Credential, error) {
	suite, err := oath.ParseSuite(c.Suite)
	switch {
	case err != nil:
		return c, fmt.Errorf("%w: %w", errTampered, err)
	case s.policy.Locked(suite, c):
		c.State = stateLocked
	case !c.Activated:
		c.State = stateInactive
	default:
		c.State = stateActive
	}
	return c, nil
}

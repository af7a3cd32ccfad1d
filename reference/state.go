package reference

import "fmt"

// State is where a token stands in its life.
type State string

const (
	Pending     State = "pending"     // made here, not yet known to the authentication server
	Issued      State = "issued"      // waiting for a phone
	Provisioned State = "provisioned" // on a phone
	Active      State = "active"      // on a phone, and proven by its first OTP
	Suspended   State = "suspended"   // on a phone, OTPs refused until resumed
	Revoked     State = "revoked"     // for ever
	Cancelled   State = "cancelled"   // enrolment did not reach the authentication server
)

// Event moves a token from one state to another.
type Event string

const (
	Registered Event = "registered"
	Abandoned  Event = "abandoned"
	Delivered  Event = "delivered"
	Activated  Event = "activated"
	Suspend    Event = "suspend"
	Resume     Event = "resume"
	Reactivate Event = "reactivate" // the resume of a token that was activated
	Revoke     Event = "revoke"
	Reissue    Event = "reissue" // another registration code for the same token
)

// transitions is the life of a token; nothing else moves one.
var transitions = []struct {
	from  State
	event Event
	to    State
}{
	{Pending, Registered, Issued},
	{Pending, Abandoned, Cancelled},
	{Issued, Delivered, Provisioned},
	{Issued, Reissue, Issued},
	{Issued, Revoke, Revoked},
	{Provisioned, Suspend, Suspended},
	{Provisioned, Revoke, Revoked},
	{Provisioned, Activated, Active},
	{Active, Suspend, Suspended},
	{Active, Revoke, Revoked},
	{Suspended, Activated, Suspended}, // its OTP was judged before, and this server hears of it late
	{Suspended, Resume, Provisioned},
	{Suspended, Reactivate, Active},
	{Suspended, Revoke, Revoked},
}

// records are the names under which the audit knows that an event has happened.
var records = map[Event]string{
	Registered: "enrolled",
	Abandoned:  "abandoned",
	Delivered:  "provisioned",
	Activated:  "activated",
	Suspend:    "suspended",
	Resume:     "resumed",
	Reactivate: "resumed",
	Revoke:     "revoked",
	Reissue:    "reissued",
}

// Record is the name of the audit record that a commit with this event carries.
func (e Event) Record() string { return records[e] }

// Next gives the state that follows event, or ErrConflict where the table has none.
func (s State) Next(event Event) (State, error) {
	for _, t := range transitions {
		if t.from == s && t.event == event {
			return t.to, nil
		}
	}
	return s, fmt.Errorf("%s a token that is %s: %w", event, s, ErrConflict)
}

package enroll

import (
	"time"

	"github.com/epsbench/epsbench/reference"
)

// TicketRow is what an activation is judged by: what the database has of its token.
type TicketRow struct {
	Now     time.Time
	Service reference.Service // that the phone names
	Tries   int               // that a ticket bears
	Found   bool              // the token has a ticket, or awaits one
	Match   bool              // the phone's ticket is that one
	Again   bool              // the try that has activated the token, once more
	Ticket  reference.Ticket
	Token   reference.Token
}

// TicketRule is one reason to refuse an activation. Its name goes to the audit and nowhere
// else.
type TicketRule struct {
	Name   string
	Broken func(TicketRow) bool
}

// Causes of refusals that no rule finds.
const (
	causeOTP        = "OTP does not activate"
	causeTicketRace = "ticket has changed"
)

// TicketRules are the rules of PROTOCOL.md §8. The first that is broken is the cause. Who
// does not have the ticket does not use its tries up: 128 bits need no such bound, and a
// stranger who has read the id of a token could spoil it.
func TicketRules() []TicketRule {
	return []TicketRule{
		{"unknown token", func(r TicketRow) bool { return !r.Found }},
		{"wrong ticket", func(r TicketRow) bool { return !r.Match }},
		{"ticket of another service", func(r TicketRow) bool { return r.Token.Service != r.Service }},
		{"ticket is spent", func(r TicketRow) bool { return r.Ticket.State != reference.TicketLive && !r.Again }},
		{"ticket has expired", func(r TicketRow) bool { return !r.Again && !r.Now.Before(r.Ticket.Expires) }},
		{"too many tries", func(r TicketRow) bool { return !r.Again && r.Ticket.Tries >= r.Tries }},
		{"token is not provisioned", func(r TicketRow) bool { return !r.Again && r.Token.State != reference.Provisioned }},
	}
}

package mpp

import (
	"time"

	"github.com/epsbench/epsbench/reference"
)

// Row is what a request is judged by: what the database has under its locator.
type Row struct {
	Now     time.Time
	Service reference.Service // that the request names
	MPP     int               // version of the request
	Tries   int               // failures that kill a code
	Found   bool              // there is such a locator; in v1, such a code
	Match   bool              // the index of the request's code is the row's
	Code    reference.RegistrationCode
	Token   reference.Token
	Ticket  reference.Ticket // that the token awaits, where activation is on
	Newest  uint64           // row version in the token's newest audit record
}

// Rule is one reason to refuse. Its name goes to the audit and nowhere else.
type Rule struct {
	Name   string
	Broken func(Row) bool
}

// causeCode counts as a failure of the code; no other cause does, so that an expired
// or used code tells nothing by its state.
const causeCode = "wrong code"

// Rules are the rules of PROTOCOL.md §6, steps 5 and 6. The first that is broken is
// the cause.
func Rules() []Rule {
	return []Rule{
		{"unknown code", func(r Row) bool { return !r.Found }},
		// Whoever holds a code of one version cannot have it taken by the rules of the other.
		{"code of another version", func(r Row) bool { return r.Code.MPP != r.MPP }},
		// The index covers the service too.
		{causeCode, func(r Row) bool { return !r.Match }},
		{"code is not live", func(r Row) bool { return r.Code.State != reference.CodeLive }},
		{"code has expired", func(r Row) bool { return !r.Now.Before(r.Code.Expires) }},
		{"too many failures", func(r Row) bool { return r.Code.Failures >= r.Tries }},
		{"token is not issued", func(r Row) bool { return r.Token.State != reference.Issued }},
		{"code of another token", func(r Row) bool { return r.Token.ID != r.Code.Token || r.Token.Service != r.Service }},
		// A row put back from an older copy of the database.
		{"row is not the newest", func(r Row) bool { return r.Token.RowVersion != r.Newest }},
	}
}

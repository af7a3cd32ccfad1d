package sql

import (
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// Lookup is a statement that must find its rows by an index, however many there are.
type Lookup struct {
	Method string // of the store
	SQL    string
	Args   []any // an example
}

// EPSLookups are the lookups of an EPS, with a token, a code and a node as examples.
func EPSLookups(t reference.Token, c reference.RegistrationCode, node string) []Lookup {
	ofToken, tokenArgs := recordsQuery(store.AuditQuery{Token: t.ID, Limit: 10})
	ofNode, nodeArgs := recordsQuery(store.AuditQuery{Node: node, After: 100, Limit: 10})
	return []Lookup{
		{"Token", selectToken, []any{t.ID}},
		{"TokenOf", selectTokenOf, []any{t.Service, t.User}},
		{"MoveToken", moveToken, []any{t.State, t.RowVersion + 1, 0, t.ID, t.State, t.RowVersion}},
		{"CodeByLocator", selectCode, []any{c.Locator}},
		{"CodeByIndex", selectIndex, []any{c.Index}},
		{"GuessableCodes", countGuesses, []any{0}},
		{"CodeOf", selectCodeOf, []any{t.ID}},
		{"LiveCodes", countLive, nil},
		{"UseCode", useCode, []any{c.Locator, 0}},
		{"CountFailure", countFailure, []any{5, c.Locator}},
		{"RetireCodes", retireCodes, []any{t.ID}},
		{"Ticket", selectTicket, []any{t.ID}},
		{"IssueTicket", issueTicket, []any{c.Index, 0, t.ID}},
		{"TryTicket", tryTicket, []any{t.ID, 5, 0}},
		{"SpendTicket", spendTicket, []any{"", t.ID}},
		{"RowVersion", rowVersion, []any{t.ID}},
		{"Outbox", selectOutbox, []any{10}},
		{"AuditRecords of a token", ofToken, tokenArgs},
		{"AuditRecords of a node", ofNode, nodeArgs},
		{"AuditGroups", selectGroups, []any{node, 10, 10}},
		{"AuditHead", selectHead, []any{node}},
	}
}

// AuthServerLookups are the lookups of an authentication server, with a credential, a
// message's key and a challenge as examples.
func AuthServerLookups(c store.Credential, key, challenge string) []Lookup {
	return []Lookup{
		{"Credential", selectCredential, []any{c.Token}},
		{"CredentialOf", selectCredentialOf, []any{c.Service, c.User}},
		{"Credentials", selectCredentials, []any{c.Token, 10}},
		{"UpdateCredential", updateCredential, append(values(c), c.Token, c.Version)},
		{"Message", selectMessage, []any{key}},
		{"Challenge", selectChallenge, []any{challenge}},
		{"UseChallenge", useChallenge, []any{c.MAC, challenge}},
		{"ForgetChallenges", forgetChallenges, []any{1}},
	}
}

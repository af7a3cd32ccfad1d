package sql

import (
	"time"

	"github.com/epsbench/epsbench/reference"
)

const (
	ticketColumns = "token, state, mac, tries, try_name, expires, created"
	insertTicket  = "INSERT INTO tickets (" + ticketColumns + ") VALUES (?,?,?,?,?,?,?)"
	selectTicket  = "SELECT " + ticketColumns + " FROM tickets WHERE token = ?"
	issueTicket   = "UPDATE tickets SET state = 'live', mac = ?, expires = ? WHERE token = ? AND state = 'awaited'"
	tryTicket     = "UPDATE tickets SET tries = tries + 1 WHERE token = ? AND state = 'live' AND tries < ? AND expires > ?"
	spendTicket   = "UPDATE tickets SET state = 'spent', try_name = ? WHERE token = ? AND state = 'live'"
	repeatTry     = "UPDATE tickets SET tries = tries + 1 WHERE token = ? AND state = 'spent' AND try_name = ?"
	forgetTry     = "UPDATE tickets SET try_name = '' WHERE token = ? AND state = 'spent'"
)

// Ticket implements store.Reader.
func (t epsTx) Ticket(token reference.TokenID) (reference.Ticket, error) {
	return get(t.turn, func(row scanner) (k reference.Ticket, err error) {
		var expires, created int64
		err = row.Scan(&k.Token, &k.State, &k.MAC, &k.Tries, &k.Try, &expires, &created)
		k.MAC, k.Expires, k.Created = orNil(k.MAC), fromMicros(expires), fromMicros(created)
		return k, err
	}, selectTicket, token)
}

// InsertTicket implements store.Tx.
func (t epsTx) InsertTicket(k reference.Ticket) error {
	_, err := t.write(insertTicket, k.Token, k.State, bytes(k.MAC), k.Tries, k.Try, micros(k.Expires), micros(k.Created))
	return err
}

// IssueTicket implements store.Tx.
func (t epsTx) IssueTicket(token reference.TokenID, mac []byte, expires time.Time) error {
	return changed(t.write(issueTicket, bytes(mac), micros(expires), token))
}

// TryTicket implements store.Tx.
func (t epsTx) TryTicket(token reference.TokenID, most int, at time.Time) error {
	return changed(t.write(tryTicket, token, most, micros(at)))
}

// SpendTicket implements store.Tx.
func (t epsTx) SpendTicket(token reference.TokenID, try string) error {
	return changed(t.write(spendTicket, try, token))
}

// RepeatTry implements store.Tx.
func (t epsTx) RepeatTry(token reference.TokenID, try string) error {
	return changed(t.write(repeatTry, token, try))
}

// ForgetTry implements store.Tx.
func (t epsTx) ForgetTry(token reference.TokenID) error {
	_, err := t.write(forgetTry, token)
	return err
}

package sql

import (
	"time"

	"github.com/epsbench/epsbench/reference"
)

const (
	codeColumns  = "locator, code_index, sealed, mpp, token, service, state, failures, expires, created"
	insertCode   = "INSERT INTO codes (" + codeColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?)"
	selectCode   = "SELECT " + codeColumns + " FROM codes WHERE locator = ?"
	selectIndex  = "SELECT " + codeColumns + " FROM codes WHERE code_index = ?"
	countGuesses = "SELECT COUNT(*) FROM codes WHERE mpp = 1 AND state = 'live' AND expires > ?"
	selectCodeOf = "SELECT " + codeColumns + " FROM codes WHERE token = ? ORDER BY created DESC, id DESC LIMIT 1"
	countLive    = "SELECT COUNT(*) FROM codes WHERE state = 'live'"
	useCode      = "UPDATE codes SET state = 'used' WHERE locator = ? AND state = 'live' AND expires > ?"
	retireCodes  = "UPDATE codes SET state = 'retired' WHERE token = ? AND state = 'live'"
	// The state first: MariaDB would judge it by the failures already added.
	countFailure = "UPDATE codes SET state = CASE WHEN failures + 1 >= ? THEN 'killed' ELSE state END, " +
		"failures = failures + 1 WHERE locator = ? AND state = 'live'"
)

func scanCode(row scanner) (c reference.RegistrationCode, err error) {
	var expires, created int64
	err = row.Scan(&c.Locator, &c.Index, &c.Sealed, &c.MPP, &c.Token, &c.Service, &c.State, &c.Failures, &expires, &created)
	c.Index, c.Sealed = orNil(c.Index), orNil(c.Sealed)
	c.Expires, c.Created = fromMicros(expires), fromMicros(created)
	return c, err
}

// CodeByLocator implements store.Reader.
func (t epsTx) CodeByLocator(locator string) (reference.RegistrationCode, error) {
	return get(t.turn, scanCode, selectCode, locator)
}

// CodeByIndex implements store.Reader.
func (t epsTx) CodeByIndex(index []byte) (reference.RegistrationCode, error) {
	return get(t.turn, scanCode, selectIndex, bytes(index))
}

// GuessableCodes implements store.Reader.
func (t epsTx) GuessableCodes(at time.Time) (int, error) {
	return get(t.turn, scanNumber[int], countGuesses, micros(at))
}

// CodeOf implements store.Reader.
func (t epsTx) CodeOf(token reference.TokenID) (reference.RegistrationCode, error) {
	return get(t.turn, scanCode, selectCodeOf, token)
}

// LiveCodes implements store.Reader.
func (t epsTx) LiveCodes() (int, error) { return get(t.turn, scanNumber[int], countLive) }

func scanNumber[T any](row scanner) (n T, err error) {
	err = row.Scan(&n)
	return n, err
}

// InsertCode implements store.Tx.
func (t epsTx) InsertCode(c reference.RegistrationCode) error {
	_, err := t.write(insertCode, c.Locator, bytes(c.Index), bytes(c.Sealed), c.MPP, c.Token, c.Service, c.State, c.Failures,
		micros(c.Expires), micros(c.Created))
	return err
}

// UseCode implements store.Tx.
func (t epsTx) UseCode(locator string, at time.Time) error {
	return changed(t.write(useCode, locator, micros(at)))
}

// CountFailure implements store.Tx.
func (t epsTx) CountFailure(locator string, most int) (reference.RegistrationCode, error) {
	if err := changed(t.write(countFailure, most, locator)); err != nil {
		return reference.RegistrationCode{}, err
	}
	return t.CodeByLocator(locator)
}

// RetireCodes implements store.Tx.
func (t epsTx) RetireCodes(token reference.TokenID) error {
	_, err := t.write(retireCodes, token)
	return err
}

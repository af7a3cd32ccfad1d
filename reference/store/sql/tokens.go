package sql

import (
	"errors"
	"time"

	"github.com/epsbench/epsbench/reference"
)

const (
	tokenColumns = "id, service, user_name, state, suite, auth_server, format, direction, tok_length, c_length, " +
		"salt, kdf, iterations, pin_digits, counter, dbk_version, trk_version, row_version, sealed, created, updated"
	insertToken = "INSERT INTO tokens (" + tokenColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	selectToken = "SELECT " + tokenColumns + " FROM tokens WHERE id = ?"
	// live is NULL for tokens that are cancelled or revoked, so that the unique
	// index lets a user have many of those and one of the others.
	selectTokenOf = "SELECT " + tokenColumns + " FROM tokens WHERE service = ? AND user_name = ? AND live = 1"
	moveToken     = "UPDATE tokens SET state = ?, row_version = ?, updated = ? WHERE id = ? AND state = ? AND row_version = ?"
)

func scanToken(row scanner) (t reference.Token, err error) {
	var created, updated int64
	err = row.Scan(&t.ID, &t.Service, &t.User, &t.State, &t.Suite, &t.AuthServer, &t.Format, &t.Direction,
		&t.TOKLength, &t.CLength, &t.Salt, &t.KDF, &t.Iterations, &t.PINDigits, &t.Counter,
		&t.DBKVersion, &t.TRKVersion, &t.RowVersion, &t.Sealed, &created, &updated)
	t.Salt, t.Sealed = orNil(t.Salt), orNil(t.Sealed)
	t.Created, t.Updated = fromMicros(created), fromMicros(updated)
	return t, err
}

// Token implements store.Reader.
func (t epsTx) Token(id reference.TokenID) (reference.Token, error) {
	return get(t.turn, scanToken, selectToken, id)
}

// TokenOf implements store.Reader.
func (t epsTx) TokenOf(service reference.Service, user reference.User) (reference.Token, error) {
	return get(t.turn, scanToken, selectTokenOf, service, user)
}

// InsertToken implements store.Tx.
func (t epsTx) InsertToken(k reference.Token) error {
	_, err := t.write(insertToken, k.ID, k.Service, k.User, k.State, k.Suite, k.AuthServer, k.Format, k.Direction,
		k.TOKLength, k.CLength, bytes(k.Salt), k.KDF, k.Iterations, k.PINDigits, k.Counter,
		k.DBKVersion, k.TRKVersion, k.RowVersion, bytes(k.Sealed), micros(k.Created), micros(k.Updated))
	return err
}

// MoveToken implements store.Tx.
func (t epsTx) MoveToken(id reference.TokenID, from, to reference.State, fromVersion, toVersion uint64, at time.Time) error {
	err := changed(t.write(moveToken, to, toVersion, micros(at), id, from, fromVersion))
	if errors.Is(err, reference.ErrExists) { // back to life beside another live token
		return errors.Join(reference.ErrConflict, err)
	}
	return err
}

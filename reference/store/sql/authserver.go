package sql

import (
	"context"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

const (
	credentialColumns = "token, service, user_name, state, suite, wrapped, tok_length, pin_digits, counter, failures, " +
		"failed_ever, candidates, imported, clock_offset, activated, version, format, mac, pin_hash, created, updated"
	insertCredential   = "INSERT INTO credentials (" + credentialColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	selectCredential   = "SELECT " + credentialColumns + " FROM credentials WHERE token = ?"
	selectCredentialOf = "SELECT " + credentialColumns + " FROM credentials WHERE service = ? AND user_name = ? AND live = 1"
	selectCredentials  = "SELECT " + credentialColumns + " FROM credentials WHERE token > ? ORDER BY token LIMIT ?"
	updateCredential   = "UPDATE credentials SET service = ?, user_name = ?, state = ?, suite = ?, wrapped = ?, tok_length = ?, " +
		"pin_digits = ?, counter = ?, failures = ?, failed_ever = ?, candidates = ?, imported = ?, clock_offset = ?, activated = ?, " +
		"version = ?, format = ?, mac = ?, pin_hash = ?, created = ?, updated = ? WHERE token = ? AND version = ?"
	selectMessage = "SELECT idempotency_key, digest, result, at FROM messages WHERE idempotency_key = ?"
	insertMessage = "INSERT INTO messages (idempotency_key, digest, result, at) VALUES (?,?,?,?)"
)

// AuthServer is store.AuthServer on an SQL engine.
type AuthServer struct{ base }

// OpenAuthServer is OpenEPS for an authentication server.
func OpenAuthServer(ctx context.Context, c Config) (*AuthServer, error) {
	d, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &AuthServer{d}, nil
}

// Update implements store.AuthServer.
func (s *AuthServer) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	return s.writer.do(ctx, func(t *turn) error { return fn(authTx{t}) })
}

// View implements store.AuthServer.
func (s *AuthServer) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.pool.view(ctx, func(t *turn) error { return fn(authTx{t}) })
}

// authTx implements store.AuthTx.
type authTx struct{ *turn }

func scanCredential(row scanner) (c store.Credential, err error) {
	var created, updated int64
	err = row.Scan(&c.Token, &c.Service, &c.User, &c.State, &c.Suite, &c.Blob, &c.TOKLength, &c.PINDigits, &c.Counter,
		&c.Failures, &c.FailedEver, &c.Candidates, &c.Imported, &c.Offset, &c.Activated, &c.Version, &c.Format,
		&c.MAC, &c.PINHash, &created, &updated)
	c.Blob, c.MAC, c.PINHash = orNil(c.Blob), orNil(c.MAC), orNil(c.PINHash)
	c.Created, c.Updated = fromMicros(created), fromMicros(updated)
	return c, err
}

// Credential implements store.AuthReader.
func (t authTx) Credential(token reference.TokenID) (store.Credential, error) {
	return get(t.turn, scanCredential, selectCredential, token)
}

// CredentialOf implements store.AuthReader.
func (t authTx) CredentialOf(service reference.Service, user reference.User) (store.Credential, error) {
	return get(t.turn, scanCredential, selectCredentialOf, service, user)
}

// Credentials implements store.AuthReader.
func (t authTx) Credentials(after reference.TokenID, limit int) ([]store.Credential, error) {
	return list(t.turn, scanCredential, selectCredentials, after, rowLimit(limit))
}

// InsertCredential implements store.AuthTx.
func (t authTx) InsertCredential(c store.Credential) error {
	_, err := t.write(insertCredential, append([]any{c.Token}, values(c)...)...)
	return err
}

// UpdateCredential implements store.AuthTx.
func (t authTx) UpdateCredential(c store.Credential) error {
	if c.Version == 0 {
		return reference.ErrConflict
	}
	return changed(t.write(updateCredential, append(values(c), c.Token, c.Version-1)...))
}

// values are the columns after the token's.
func values(c store.Credential) []any {
	return []any{c.Service, c.User, c.State, c.Suite, bytes(c.Blob), c.TOKLength, c.PINDigits, c.Counter,
		c.Failures, c.FailedEver, c.Candidates, c.Imported, c.Offset, c.Activated, c.Version, c.Format,
		bytes(c.MAC), bytes(c.PINHash), micros(c.Created), micros(c.Updated)}
}

// Message implements store.AuthReader.
func (t authTx) Message(key string) (store.Message, error) {
	return get(t.turn, func(row scanner) (m store.Message, err error) {
		var at int64
		err = row.Scan(&m.Key, &m.Digest, &m.Result, &at)
		m.Digest, m.At = orNil(m.Digest), fromMicros(at)
		return m, err
	}, selectMessage, key)
}

// InsertMessage implements store.AuthTx.
func (t authTx) InsertMessage(m store.Message) error {
	_, err := t.write(insertMessage, m.Key, bytes(m.Digest), m.Result, micros(m.At))
	return err
}

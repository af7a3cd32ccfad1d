package mutants

import (
	"context"
	"sync"

	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// credulous lets the authentication server find the MAC that a row has where it computes
// the one that the row should have. It computes those of rows to be written as ever.
type credulous struct {
	mu   sync.Mutex
	read map[reference.TokenID]store.Credential // as the database gave them last
}

func (m *credulous) put(s *Seams) {
	m.read = map[reference.TokenID]store.Credential{}
	s.AuthStore = func(st store.AuthServer) store.AuthServer { return reading{st, m} }
	onModule("authserver", func(next cryptoki.Module) cryptoki.Module {
		return &resigning{Module: next, label: "ROW-AS", sign: func(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
			mac, err := next.Sign(sh, data)
			if found := m.macOf(data); found != nil && err == nil {
				return found, nil
			}
			return mac, err
		}}
	})(s)
}

// macOf is the MAC in the row that data encodes, if that was read and not made.
func (m *credulous) macOf(data []byte) []byte {
	var fields []cbor.RawMessage
	var token reference.TokenID
	var version uint64
	if cbor.Unmarshal(data, &fields) != nil || len(fields) < 15 ||
		cbor.Unmarshal(fields[1], &token) != nil || cbor.Unmarshal(fields[14], &version) != nil {
		return nil // an unlock request
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.read[token]; ok && c.Version == version {
		return c.MAC
	}
	return nil
}

// reading tells which rows were read.
type reading struct {
	store.AuthServer
	m *credulous
}

func (s reading) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.AuthServer.View(ctx, func(tx store.AuthReader) error { return fn(readingReader{tx, s.m}) })
}

type readingReader struct {
	store.AuthReader
	m *credulous
}

func (r readingReader) CredentialOf(service reference.Service, user reference.User) (store.Credential, error) {
	c, err := r.AuthReader.CredentialOf(service, user)
	if err == nil {
		r.m.mu.Lock()
		r.m.read[c.Token] = c
		r.m.mu.Unlock()
	}
	return c, err
}

// selfDated gives the version of a token's row for that of its newest audit record.
type selfDated struct{ store.EPS }

func (s selfDated) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.EPS.View(ctx, func(tx store.Reader) error { return fn(selfDatedReader{tx}) })
}

func (s selfDated) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.EPS.Update(ctx, func(tx store.Tx) error { return fn(selfDatedTx{tx}) })
}

type selfDatedReader struct{ store.Reader }

func (r selfDatedReader) RowVersion(id reference.TokenID) (uint64, error) { return ownVersion(r, id) }

type selfDatedTx struct{ store.Tx }

func (tx selfDatedTx) RowVersion(id reference.TokenID) (uint64, error) { return ownVersion(tx, id) }

func ownVersion(r store.Reader, id reference.TokenID) (uint64, error) {
	t, err := r.Token(id)
	return t.RowVersion, err
}

// undoubting takes the records of the audit for what they say.
type undoubting struct{}

func (undoubting) Attest(context.Context, *hsm.Session, *reference.Token) error { return nil }

// keeping leaves the cryptogram in a row that is written without one.
type keeping struct{ store.AuthServer }

func (s keeping) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	return s.AuthServer.Update(ctx, func(tx store.AuthTx) error { return fn(keepingTx{tx}) })
}

type keepingTx struct{ store.AuthTx }

func (tx keepingTx) UpdateCredential(c store.Credential) error {
	if len(c.Blob) == 0 {
		old, err := tx.Credential(c.Token)
		if err != nil {
			return err
		}
		c.Blob = old.Blob
	}
	return tx.AuthTx.UpdateCredential(c)
}

package mutants

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/store"
)

// oneSalt gives the same bytes for every second draw of 16: enrolment draws a token id,
// then a salt.
type oneSalt struct {
	io.Reader
	draws atomic.Int64
	salt  sync.Once
	first [16]byte
}

func (r *oneSalt) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if len(b) == len(r.first) && r.draws.Add(1)%2 == 0 {
		r.salt.Do(func() { copy(r.first[:], b) })
		copy(b, r.first[:])
	}
	return n, err
}

// oneC gives the first 32 bytes that are drawn, which are a C, for every other C too.
type oneC struct {
	io.Reader
	draw  sync.Once
	first [32]byte
}

func (r *oneC) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if len(b) == len(r.first) {
		r.draw.Do(func() { copy(r.first[:], b) })
		copy(b, r.first[:])
	}
	return n, err
}

// sparseC draws 32 bytes of which one in two is zero.
type sparseC struct{ io.Reader }

func (r sparseC) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	for i := 0; len(b) == 32 && i < len(b); i += 2 {
		b[i] = 0
	}
	return n, err
}

// resigning computes the MACs of one key in another way.
type resigning struct {
	cryptoki.Module
	label string
	sign  func(sh pkcs11.SessionHandle, data []byte) ([]byte, error)
	begun sync.Map // sessions that sign with the key
}

func (m *resigning) SignInit(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	m.begun.Delete(sh)
	if labelOf(m.Module, sh, key) == m.label {
		m.begun.Store(sh, true)
	}
	return m.Module.SignInit(sh, mechanism, key)
}

func (m *resigning) Sign(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	if _, ok := m.begun.LoadAndDelete(sh); !ok {
		return m.Module.Sign(sh, data)
	}
	return m.sign(sh, data)
}

func labelOf(m cryptoki.Module, sh pkcs11.SessionHandle, key pkcs11.ObjectHandle) string {
	got, err := m.GetAttributeValue(sh, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
	if err != nil || len(got) != 1 {
		return ""
	}
	return string(got[0].Value)
}

// withoutField empties a field of what is signed: of a row, 4 is the state, 6 the cryptogram;
// of a code's index, 1 is the locator.
func withoutField(i int, data []byte) []byte {
	var fields []cbor.RawMessage
	if cbor.Unmarshal(data, &fields) != nil || len(fields) <= i {
		return data // an unlock request
	}
	fields[i] = cbor.RawMessage{0x40}
	out, err := cbor.Marshal(fields)
	if err != nil {
		return data
	}
	return out
}

// believing verifies nothing of what is signed with one kind of key.
type believing struct {
	cryptoki.Module
	of    string // what its label begins with
	begun sync.Map
}

func (m *believing) VerifyInit(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	m.begun.Delete(sh)
	if strings.HasPrefix(labelOf(m.Module, sh, key), m.of) {
		m.begun.Store(sh, true)
	}
	return m.Module.VerifyInit(sh, mechanism, key)
}

func (m *believing) Verify(sh pkcs11.SessionHandle, data, mac []byte) error {
	err := m.Module.Verify(sh, data, mac)
	if _, ok := m.begun.LoadAndDelete(sh); ok {
		return nil
	}
	return err
}

// oneTOK sends a user's first cryptogram again.
type oneTOK struct {
	enroll.AuthServer
	mu    sync.Mutex
	first map[reference.User][]byte
}

func (a *oneTOK) Create(ctx context.Context, r plugin.Registration) error {
	a.mu.Lock()
	if a.first[r.User] == nil {
		a.first[r.User] = r.Blob
	}
	r.Blob = a.first[r.User]
	a.mu.Unlock()
	return a.AuthServer.Create(ctx, r)
}

// volatile hides the credentials that were there when it was made.
type volatile struct {
	store.AuthServer
	made sync.Map // tokens
}

func (s *volatile) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.AuthServer.View(ctx, func(tx store.AuthReader) error { return fn(volatileReader{tx, s}) })
}

func (s *volatile) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	return s.AuthServer.Update(ctx, func(tx store.AuthTx) error { return fn(volatileTx{tx, s}) })
}

type volatileReader struct {
	store.AuthReader
	s *volatile
}

func (r volatileReader) CredentialOf(service reference.Service, user reference.User) (store.Credential, error) {
	c, err := r.AuthReader.CredentialOf(service, user)
	if _, ok := r.s.made.Load(c.Token); err == nil && !ok {
		return store.Credential{}, reference.ErrNotFound
	}
	return c, err
}

type volatileTx struct {
	store.AuthTx
	s *volatile
}

func (tx volatileTx) InsertCredential(c store.Credential) error {
	tx.s.made.Store(c.Token, true)
	return tx.AuthTx.InsertCredential(c)
}

// drawing changes every registration code that is drawn.
func drawing(change func(locator string, code []byte) (string, []byte)) func(*Seams) {
	return func(s *Seams) {
		s.Enroll = func(p *enroll.Parts) {
			p.Codes = func(random io.Reader, digits int) (string, []byte, error) {
				locator, code, err := enroll.DrawCode(random, digits)
				if err != nil {
					return "", nil, err
				}
				locator, code = change(locator, code)
				return locator, code, nil
			}
		}
	}
}

package mutants

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// storageKept are the mutants of what is in the databases.
var storageKept = []Mutant{
	{
		Name:   "one salt for all tokens",
		About:  "The salt of the KDF is drawn once.",
		Claims: []string{"ST-6.2-2a..f"},
		Reason: "eps.tokens.salt, a salt: repeat each other in parts",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) { p.Random = &oneSalt{Reader: p.Random} }
		},
	},
	{
		Name:   "audit records have a field for support",
		About:  "The detail of a record has a member that no document names.",
		Claims: []string{"ST-6.2-2a..f"},
		Reason: "has a member that nobody expects",
		Break: func(s *Seams) {
			var note atomic.Value
			note.Store("seen")
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &note} }
		},
	},
	{
		Name:   "registration code in the audit",
		About:  "The record of an enrolment has the digits of a registration code.",
		Claims: []string{"ST-B6"},
		Reason: "registration code as text in column eps.audit_records.detail",
		Break: func(s *Seams) {
			var newest atomic.Value
			s.Enroll = seeingCodes(func(code string) { newest.Store(code) })
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &newest} }
		},
	},
	{
		Name:   "index of codes without a key",
		About:  "The index of a registration code is a SHA-256 of service, locator and code, which anybody can compute.",
		Claims: []string{"ST-B6"},
		Reason: "SHA-256 of the registration code as raw bytes in column eps.codes.code_index",
		Break: onModule("eps", func(m cryptoki.Module) cryptoki.Module {
			return &resigning{Module: m, label: "IDX", sign: func(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
				_, err := m.Sign(sh, data) // ends the operation
				sum := sha256.Sum256(data)
				return sum[:], err
			}}
		}),
	},
	{
		Name:   "TOK in the audit",
		About:  "The record of an enrolment has TOK in hexadecimal.",
		Claims: []string{"ST-B7"},
		Reason: "TOK as hexadecimal in column eps.audit_records.detail",
		Break: func(s *Seams) {
			var newest atomic.Value
			onDerivations(func(m *derivations) {
				m.derive = m.told(func(tok []byte) { newest.Store(hex.EncodeToString(tok)) })
			})(s)
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &newest} }
		},
	},
	{
		Name:   "one TOK for all services of a user",
		About:  "The authentication server gets a user's first TOK for every service.",
		Claims: []string{"ST-B7"},
		Reason: "an OTP of one service is accepted at the other",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) {
				p.AuthServer = &oneTOK{AuthServer: p.AuthServer, first: map[reference.User][]byte{}}
			}
		},
	},
	{
		Name:   "tokens end with the process",
		About:  "The authentication server knows only tokens that came since it was started.",
		Claims: []string{"ST-B7"},
		Reason: "the next OTP is refused after the restart",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return &volatile{AuthServer: st} }
		},
	},
	{
		Name:   "plug-in messages are not authenticated",
		About:  "The authentication server takes every MAC for right.",
		Claims: []string{"ST-PLUGIN-BIND"},
		Reason: "the other user's cryptogram: status of the answer",
		Break:  onModule("authserver", func(m cryptoki.Module) cryptoki.Module { return &believing{Module: m} }),
	},
	{
		Name:   "row MAC leaves the cryptogram out",
		About:  "The MAC of a row of the authentication server covers all fields but TOK's.",
		Claims: []string{"ST-PLUGIN-BIND"},
		Reason: "the MAC of a row is not the one over all its fields",
		Break: onModule("authserver", func(m cryptoki.Module) cryptoki.Module {
			return &resigning{Module: m, label: "ROW-AS", sign: func(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
				return m.Sign(sh, withoutBlob(data))
			}}
		}),
	},
}

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

// withoutBlob empties the seventh field of a row's encoding.
func withoutBlob(data []byte) []byte {
	var fields []cbor.RawMessage
	if cbor.Unmarshal(data, &fields) != nil || len(fields) < 7 {
		return data // an unlock request
	}
	fields[6] = cbor.RawMessage{0x40}
	out, err := cbor.Marshal(fields)
	if err != nil {
		return data
	}
	return out
}

// believing verifies nothing of what is signed with PLK.
type believing struct {
	cryptoki.Module
	begun sync.Map
}

func (m *believing) VerifyInit(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	m.begun.Delete(sh)
	if strings.HasPrefix(labelOf(m.Module, sh, key), "PLK/") {
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

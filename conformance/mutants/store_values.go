package mutants

import (
	"encoding/hex"
	"log/slog"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// storageValues are the mutants that make a key readable, read it, and keep or tell its value.
var storageValues = []Mutant{
	{
		Name:   "MK-DBK in the audit",
		About:  "MK-DBK is made readable, and the record of an enrolment has its value.",
		Claims: []string{"ST-KEY-MK-values"},
		Reason: "MK-DBK of eps as hexadecimal in column eps.audit_records.detail",
		Break:  inAudit("eps", named("MK-DBK")),
	},
	{
		Name:   "private key of MPP in the audit",
		About:  "The pair of MPP v2 is made readable, and the record of an enrolment has its exponent.",
		Claims: []string{"ST-KEY-MK-values"},
		Reason: "MPP/2 of eps as hexadecimal in column eps.audit_records.detail",
		Break:  inAudit("eps", named("MPP/2")),
	},
	{
		Name:   "answers tell IDX",
		About:  "IDX is made readable, and the bank's answers carry its value in a header field.",
		Claims: []string{"ST-KEY-MK-values"},
		Reason: "IDX of eps as hexadecimal in the answers of the routes",
		Break: func(s *Seams) {
			var newest atomic.Value
			readable("eps", named("IDX"), func(value []byte) { newest.Store(hex.EncodeToString(value)) })(s)
			s.Wrap = saying(&newest)
		},
	},
	{
		Name:   "ASK in the log",
		About:  "ASK is made readable, and the authentication server logs it when it starts.",
		Claims: []string{"ST-KEY-MK-values"},
		Reason: "ASK of authserver as hexadecimal in the log",
		Break: func(s *Seams) {
			var ask atomic.Value
			readable("authserver", named("ASK"), func(value []byte) { ask.Store(hex.EncodeToString(value)) })(s)
			s.Validation = func(p *authserver.Parts) { p.Log.Debug("keys", "ask", ask.Load()) }
		},
	},
	{
		Name:   "DBK in the audit",
		About:  "New keys are readable until they are wrapped, and the record of an enrolment has the value of DBK.",
		Claims: []string{"ST-6.3-conf-values"},
		Reason: "a key of eps by C_GenerateKey as hexadecimal in column eps.audit_records.detail",
		Break: inAudit("eps", func(_ cryptoki.Function, t []*pkcs11.Attribute) bool {
			return isTrue(t, pkcs11.CKA_EXTRACTABLE) && isAES(t)
		}),
	},
	{
		Name:   "row keys in the log",
		About:  "Row keys are derived readable, as many HSMs let them be, and logged at debug level.",
		Claims: []string{"ST-6.3-conf-values"},
		Reason: "a key of eps by C_DeriveKey as hexadecimal in the log",
		Break: inLog(func(f cryptoki.Function, t []*pkcs11.Attribute) bool {
			return f == cryptoki.DeriveKey && isTrue(t, pkcs11.CKA_WRAP) && isTrue(t, pkcs11.CKA_UNWRAP)
		}),
	},
	{
		Name:   "keys brought in are logged",
		About:  "A key that the EPS brings into its HSM in clear is logged at debug level.",
		Claims: []string{"ST-6.3-conf-values"},
		Reason: "a key of eps by C_CreateObject as hexadecimal in the log",
		Break:  inLog(func(f cryptoki.Function, _ []*pkcs11.Attribute) bool { return f == cryptoki.CreateObject }),
	},
}

// inLog writes the keys that are wanted into the log of the EPS, at debug level.
func inLog(wanted wish) func(*Seams) {
	return func(s *Seams) {
		var log atomic.Pointer[slog.Logger]
		s.MPP = func(p *mpp.Parts) { log.Store(p.Log) }
		s.Permit = []string{token.PermitReadable}
		running := func(f cryptoki.Function, t []*pkcs11.Attribute) bool { return log.Load() != nil && wanted(f, t) }
		readable("eps", running, func(value []byte) { log.Load().Debug("a key", "value", hex.EncodeToString(value)) })(s)
	}
}

// wish says which keys are wanted, by the call that makes them and its template.
type wish func(f cryptoki.Function, template []*pkcs11.Attribute) bool

// inAudit writes the first key that is wanted into the audit.
func inAudit(slot string, wanted wish) func(*Seams) {
	return func(s *Seams) {
		var first atomic.Value
		readable(slot, wanted, func(value []byte) { first.CompareAndSwap(nil, hex.EncodeToString(value)) })(s)
		s.Store = func(st store.EPS) store.EPS { return detailed{st, &first} }
	}
}

// readable makes the keys that are wanted readable, and hands their values to f.
func readable(slot string, wanted wish, f func(value []byte)) func(*Seams) {
	return onModule(slot, func(m cryptoki.Module) cryptoki.Module { return &reader{m, wanted, f} })
}

type reader struct {
	cryptoki.Module
	wanted wish
	read   func(value []byte)
}

// open is a template of a key that may be read, where it is wanted.
func (m *reader) open(f cryptoki.Function, t []*pkcs11.Attribute) []*pkcs11.Attribute {
	if !m.wanted(f, t) {
		return t
	}
	return with(with(t, pkcs11.CKA_SENSITIVE, []byte{0}), pkcs11.CKA_EXTRACTABLE, []byte{1})
}

// look reads a new key, where it is wanted and there.
func (m *reader) look(f cryptoki.Function, t []*pkcs11.Attribute, sh pkcs11.SessionHandle, key pkcs11.ObjectHandle, secret uint) {
	if !m.wanted(f, t) {
		return
	}
	got, err := m.GetAttributeValue(sh, key, []*pkcs11.Attribute{pkcs11.NewAttribute(secret, nil)})
	if err == nil && len(got) == 1 {
		m.read(got[0].Value)
	}
}

func (m *reader) GenerateKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	key, err := m.Module.GenerateKey(sh, mechanism, m.open(cryptoki.GenerateKey, t))
	m.look(cryptoki.GenerateKey, t, sh, key, pkcs11.CKA_VALUE)
	return key, err
}

func (m *reader) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	key, err := m.Module.DeriveKey(sh, mechanism, base, m.open(cryptoki.DeriveKey, t))
	m.look(cryptoki.DeriveKey, t, sh, key, pkcs11.CKA_VALUE)
	return key, err
}

// CreateObject reads nothing: its caller knows the value.
func (m *reader) CreateObject(sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if m.wanted(cryptoki.CreateObject, t) {
		m.read(valueOf(t, pkcs11.CKA_VALUE))
	}
	return m.Module.CreateObject(sh, t)
}

func (m *reader) GenerateKeyPair(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error) {
	one, other, err := m.Module.GenerateKeyPair(sh, mechanism, public, m.open(cryptoki.GenerateKeyPair, private))
	m.look(cryptoki.GenerateKeyPair, private, sh, other, pkcs11.CKA_PRIVATE_EXPONENT)
	return one, other, err
}

func named(label string) wish {
	return func(_ cryptoki.Function, t []*pkcs11.Attribute) bool {
		return string(valueOf(t, pkcs11.CKA_LABEL)) == label
	}
}

func isAES(t []*pkcs11.Attribute) bool {
	kind := pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)
	return string(valueOf(t, pkcs11.CKA_KEY_TYPE)) == string(kind.Value)
}

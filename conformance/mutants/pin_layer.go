package mutants

import (
	"crypto/aes"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/enroll"
)

// derivations is a layer on the EPS's HSM that makes TOK in another way. It knows KEK and
// C, which come from the host at enrolment. Until the EPS enrols it changes nothing: the
// EPS tries its HSM with known answers when it starts.
type derivations struct {
	cryptoki.Module
	armed *atomic.Bool
	// derive makes a key of the template from the KEK's value and C.
	derive func(sh pkcs11.SessionHandle, kek, c []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)

	mu   sync.Mutex
	keks map[pkcs11.ObjectHandle][]byte
	swap map[string][]byte // C that stands for another C
}

func onDerivations(change func(*derivations)) func(*Seams) {
	return func(s *Seams) {
		armed := &atomic.Bool{}
		s.Enroll = func(*enroll.Parts) { armed.Store(true) }
		onModule("eps", func(m cryptoki.Module) cryptoki.Module {
			armed.Store(false) // a restart tries the HSM again
			d := &derivations{Module: m, armed: armed, keks: map[pkcs11.ObjectHandle][]byte{}, swap: map[string][]byte{}}
			change(d)
			return d
		})(s)
	}
}

// CreateObject notes a KEK, and imports another C where DeriveKey has used one.
func (m *derivations) CreateObject(sh pkcs11.SessionHandle, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value := valueOf(template, pkcs11.CKA_VALUE)
	if other, ok := m.swap[string(value)]; ok {
		template = with(template, pkcs11.CKA_VALUE, other)
	}
	key, err := m.Module.CreateObject(sh, template)
	if err == nil && isTrue(template, pkcs11.CKA_DERIVE) {
		m.keks[key] = slices.Clone(value)
	}
	return key, err
}

// DeriveKey sees enrolments by their KEK: no other derivation is from a key of the host.
func (m *derivations) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	m.mu.Lock()
	kek := m.keks[base]
	m.mu.Unlock()
	if c, err := cryptoki.DerivationData(mechanism[0]); err == nil && kek != nil && m.armed.Load() {
		return m.derive(sh, kek, c, template)
	}
	return m.Module.DeriveKey(sh, mechanism, base, template)
}

// takeC makes a TOK that is C.
func (m *derivations) takeC(sh pkcs11.SessionHandle, _, c []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return m.make(sh, c, template)
}

func (m *derivations) make(sh pkcs11.SessionHandle, tok []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	template = slices.DeleteFunc(slices.Clone(template), func(a *pkcs11.Attribute) bool { return a.Type == pkcs11.CKA_VALUE_LEN })
	return m.Module.CreateObject(sh, append(template, pkcs11.NewAttribute(pkcs11.CKA_VALUE, tok)))
}

// formed makes TOKs of a format, and the C that gives them.
func (m *derivations) formed(format func(random []byte) []byte) func(pkcs11.SessionHandle, []byte, []byte, []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return func(sh pkcs11.SessionHandle, kek, c []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		block, err := aes.NewCipher(kek)
		if err != nil {
			return 0, err
		}
		random := make([]byte, len(c))
		rand.Read(random) // never fails
		tok, other := format(random), make([]byte, len(c))
		for i := 0; i < len(c); i += aes.BlockSize {
			block.Decrypt(other[i:], tok[i:])
		}
		m.mu.Lock()
		m.swap[string(c)] = other
		m.mu.Unlock()
		return m.make(sh, tok, template)
	}
}

func asText(random []byte) []byte { return []byte(hex.EncodeToString(random[:len(random)/2])) }

func withPadding(random []byte) []byte {
	random[len(random)-1] = 1
	return random
}

// told hands every TOK to f, and makes it as it should be.
func (m *derivations) told(f func(tok []byte)) func(pkcs11.SessionHandle, []byte, []byte, []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return func(sh pkcs11.SessionHandle, kek, c []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		block, err := aes.NewCipher(kek)
		if err != nil {
			return 0, err
		}
		tok := make([]byte, len(c))
		for i := 0; i < len(c); i += aes.BlockSize {
			block.Encrypt(tok[i:], c[i:])
		}
		f(tok)
		return m.make(sh, tok, template)
	}
}

func valueOf(template []*pkcs11.Attribute, typ uint) []byte {
	for _, a := range template {
		if a.Type == typ {
			return a.Value
		}
	}
	return nil
}

func isTrue(template []*pkcs11.Attribute, typ uint) bool {
	return slices.Equal(valueOf(template, typ), []byte{1})
}

// with is template with another value of one attribute.
func with(template []*pkcs11.Attribute, typ uint, value []byte) []*pkcs11.Attribute {
	template = slices.Clone(template)
	for i, a := range template {
		if a.Type == typ {
			template[i] = pkcs11.NewAttribute(typ, value)
		}
	}
	return template
}

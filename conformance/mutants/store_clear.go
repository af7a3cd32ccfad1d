package mutants

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// clearly is a layer that stores or sends a key in clear where it should be wrapped: under
// the key of one label, and under those that were unwrapped by another.
type clearly struct {
	cryptoki.Module
	label, via string

	mu     sync.Mutex
	values map[pkcs11.ObjectHandle][]byte // of keys that will be wrapped, as far as it can know them
	under  map[pkcs11.ObjectHandle]bool   // keys that came out of via
}

func inClear(m cryptoki.Module, label, via string) cryptoki.Module {
	return &clearly{Module: m, label: label, via: via,
		values: map[pkcs11.ObjectHandle][]byte{}, under: map[pkcs11.ObjectHandle]bool{}}
}

// mark is what stands before a key in clear.
var mark = make([]byte, 8)

func (m *clearly) wraps(sh pkcs11.SessionHandle, key pkcs11.ObjectHandle) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.under[key] || m.label != "" && labelOf(m.Module, sh, key) == m.label
}

func (m *clearly) know(key pkcs11.ObjectHandle, value []byte, err error) (pkcs11.ObjectHandle, error) {
	if err == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.values[key] = bytes.Clone(value)
	}
	return key, err
}

func (m *clearly) known(key pkcs11.ObjectHandle) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[key]
}

// create makes a key of a value by a template of another call.
func (m *clearly) create(sh pkcs11.SessionHandle, value []byte, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	t = without(without(t, pkcs11.CKA_VALUE_LEN), pkcs11.CKA_CHECK_VALUE)
	return m.Module.CreateObject(sh, slices.Insert(t, 0,
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value), pkcs11.NewAttribute(pkcs11.CKA_CHECK_VALUE, []byte{})))
}

// GenerateKey draws keys that will travel by itself.
func (m *clearly) GenerateKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if !isTrue(t, pkcs11.CKA_EXTRACTABLE) {
		return m.Module.GenerateKey(sh, mechanism, t)
	}
	value := make([]byte, 32)
	rand.Read(value) // never fails
	key, err := m.create(sh, value, t)
	return m.know(key, value, err)
}

func (m *clearly) CreateObject(sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	key, err := m.Module.CreateObject(sh, t)
	return m.know(key, valueOf(t, pkcs11.CKA_VALUE), err)
}

// DeriveKey knows what comes of a KEK that it knows.
func (m *clearly) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	key, err := m.Module.DeriveKey(sh, mechanism, base, t)
	data, noData := cryptoki.DerivationData(mechanism[0])
	block, noKEK := aes.NewCipher(m.known(base))
	if noData != nil || noKEK != nil {
		return key, err
	}
	value := make([]byte, len(data))
	for i := 0; i < len(data); i += aes.BlockSize {
		block.Encrypt(value[i:], data[i:])
	}
	return m.know(key, value, err)
}

func (m *clearly) WrapKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, under, key pkcs11.ObjectHandle) ([]byte, error) {
	if value := m.known(key); value != nil && m.wraps(sh, under) {
		return append(bytes.Clone(mark), value...), nil
	}
	return m.Module.WrapKey(sh, mechanism, under, key)
}

func (m *clearly) UnwrapKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, under pkcs11.ObjectHandle, blob []byte, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if bytes.HasPrefix(blob, mark) && m.wraps(sh, under) {
		return m.create(sh, blob[len(mark):], t)
	}
	key, err := m.Module.UnwrapKey(sh, mechanism, under, blob, t)
	if err == nil && m.via != "" && labelOf(m.Module, sh, under) == m.via {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.under[key] = true
	}
	return key, err
}

// constantDBK derives from a key that everybody has, where DBK is asked for.
type constantDBK struct {
	cryptoki.Module
	dbks sync.Map
}

func (m *constantDBK) UnwrapKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, under pkcs11.ObjectHandle, blob []byte, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	key, err := m.Module.UnwrapKey(sh, mechanism, under, blob, t)
	if err == nil && labelOf(m.Module, sh, under) == "MK-DBK" {
		m.dbks.Store(key, true)
	}
	return key, err
}

func (m *constantDBK) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if _, ok := m.dbks.Load(base); !ok {
		return m.Module.DeriveKey(sh, mechanism, base, t)
	}
	constant, err := m.CreateObject(sh, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true), pkcs11.NewAttribute(pkcs11.CKA_VALUE, make([]byte, 32)),
	})
	if err != nil {
		return 0, err
	}
	defer m.DestroyObject(sh, constant) //nolint:errcheck // it ends with the session
	return m.Module.DeriveKey(sh, mechanism, constant, t)
}

// without is template less one attribute.
func without(template []*pkcs11.Attribute, typ uint) []*pkcs11.Attribute {
	return slices.DeleteFunc(slices.Clone(template), func(a *pkcs11.Attribute) bool { return a.Type == typ })
}

// Package bring gets a key of a known value into a PKCS#11 module: in clear or, where the
// module takes none so, encrypted under a pair of the module's own.
//
// Start at Key.
package bring

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"errors"
	"math/big"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Key makes a secret key of value in a session of the slot. The template has no CKA_VALUE
// and no CKA_VALUE_LEN. The error says both what C_CreateObject and what C_UnwrapKey answered.
func Key(m cryptoki.Module, slot uint, sh pkcs11.SessionHandle, value []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	handle, clear := m.CreateObject(sh, with(template, pkcs11.CKA_VALUE, value))
	if clear == nil {
		return handle, nil
	}
	handle, err := wrapped(m, slot, sh, value, template)
	if err != nil {
		return 0, errors.Join(clear, err)
	}
	return handle, nil
}

// Unwrap is C_UnwrapKey. It names the key's length, in bytes, only to a module that asks for
// it: others refuse to be told.
func Unwrap(m cryptoki.Module, sh pkcs11.SessionHandle, by []*pkcs11.Mechanism, kek pkcs11.ObjectHandle, blob []byte, template []*pkcs11.Attribute, length int) (pkcs11.ObjectHandle, error) {
	handle, err := m.UnwrapKey(sh, by, kek, blob, template)
	switch cryptoki.ReturnName(err) {
	case "CKR_ATTRIBUTE_TYPE_INVALID", "CKR_TEMPLATE_INCOMPLETE":
		return m.UnwrapKey(sh, by, kek, blob, with(template, pkcs11.CKA_VALUE_LEN, length))
	}
	return handle, err
}

// with puts an attribute in front: some modules change nothing after CKA_MODIFIABLE.
func with(template []*pkcs11.Attribute, typ uint, value any) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{pkcs11.NewAttribute(typ, value)}, template...)
}

// pair is a module's own. The session that it was made in stays as long as the module.
type pair struct {
	public  *rsa.PublicKey
	private pkcs11.ObjectHandle
}

type place struct {
	module cryptoki.Module
	slot   uint
}

var pairs = struct {
	sync.Mutex
	of map[place]*pair
}{of: map[place]*pair{}}

// pairOf makes the module's pair, once.
func pairOf(m cryptoki.Module, slot uint) (*pair, error) {
	pairs.Lock()
	defer pairs.Unlock()
	if p := pairs.of[place{m, slot}]; p != nil {
		return p, nil
	}
	owner, err := m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return nil, err
	}
	p := &pair{}
	if p.private, err = p.make(m, owner); err != nil {
		m.CloseSession(owner)
		return nil, err
	}
	pairs.of[place{m, slot}] = p
	return p, nil
}

func (p *pair) make(m cryptoki.Module, sh pkcs11.SessionHandle) (pkcs11.ObjectHandle, error) {
	attr := pkcs11.NewAttribute
	public, private, err := m.GenerateKeyPair(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{attr(pkcs11.CKA_TOKEN, false), attr(pkcs11.CKA_MODULUS_BITS, 2048), attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), attr(pkcs11.CKA_WRAP, true)},
		[]*pkcs11.Attribute{attr(pkcs11.CKA_TOKEN, false), attr(pkcs11.CKA_PRIVATE, true), attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_UNWRAP, true)})
	if err != nil {
		return 0, err
	}
	modulus, err := m.GetAttributeValue(sh, public, []*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS, nil)})
	if err != nil {
		return 0, err
	}
	p.public = &rsa.PublicKey{N: new(big.Int).SetBytes(modulus[0].Value), E: 65537}
	return private, nil
}

// wrapped brings the value in under RSA-OAEP with SHA-1, which every module has.
func wrapped(m cryptoki.Module, slot uint, sh pkcs11.SessionHandle, value []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	p, err := pairOf(m, slot)
	if err != nil {
		return 0, err
	}
	blob, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, p.public, value, nil)
	if err != nil {
		return 0, err
	}
	oaep := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP,
		pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))}
	return Unwrap(m, sh, oaep, p.private, blob, template, len(value))
}

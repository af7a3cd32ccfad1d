package rfc

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"math/big"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// carrier brings keys into a module that takes none in clear: a pair of the module's,
// under whose public key they are encrypted here. Its session stays as long as the module.
type carrier struct {
	public  *rsa.PublicKey
	private pkcs11.ObjectHandle
}

var carriers = struct {
	sync.Mutex
	of map[cryptoki.Module]*carrier
}{of: map[cryptoki.Module]*carrier{}}

// carrier makes the module's pair, once.
func (s session) carrier() (*carrier, error) {
	carriers.Lock()
	defer carriers.Unlock()
	if c := carriers.of[s.Module]; c != nil {
		return c, nil
	}
	owner, err := s.OpenSession(s.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return nil, err
	}
	public, private, err := s.GenerateKeyPair(owner, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{not(pkcs11.CKA_TOKEN), pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 2048), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), may(pkcs11.CKA_WRAP)},
		[]*pkcs11.Attribute{not(pkcs11.CKA_TOKEN), may(pkcs11.CKA_PRIVATE), may(pkcs11.CKA_SENSITIVE), may(pkcs11.CKA_UNWRAP)})
	if err != nil {
		return nil, err
	}
	modulus, err := s.GetAttributeValue(owner, public, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_MODULUS, nil)})
	if err != nil {
		return nil, err
	}
	c := &carrier{&rsa.PublicKey{N: new(big.Int).SetBytes(modulus[0].Value), E: 65537}, private}
	carriers.of[s.Module] = c
	return c, nil
}

// brought makes a key by unwrapping what is encrypted here with RSA-OAEP.
func (s session) brought(value []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	c, err := s.carrier()
	if err != nil {
		return 0, err
	}
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, c.public, value, nil)
	if err != nil {
		return 0, err
	}
	oaep := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP,
		pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))}
	return s.unwrapLong(oaep, c.private, wrapped, template, len(value))
}

// unwrapLong names the length of the key only to a module that asks for it: others refuse
// to be told.
func (s session) unwrapLong(m []*pkcs11.Mechanism, kek pkcs11.ObjectHandle, wrapped []byte, template []*pkcs11.Attribute, length int) (pkcs11.ObjectHandle, error) {
	handle, err := s.UnwrapKey(s.handle, m, kek, wrapped, template)
	switch cryptoki.ReturnName(err) {
	case "CKR_ATTRIBUTE_TYPE_INVALID", "CKR_TEMPLATE_INCOMPLETE":
		return s.UnwrapKey(s.handle, m, kek, wrapped, append(template[:len(template):len(template)], pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, length)))
	}
	return handle, err
}

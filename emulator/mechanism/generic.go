package mechanism

import (
	"crypto/sha1"
	"io"
	"slices"

	"github.com/miekg/pkcs11"
)

// maxSecret is the longest generic secret in bytes.
const maxSecret = 1024

var genericTable = []Spec{
	{Type: pkcs11.CKM_GENERIC_SECRET_KEY_GEN, Operations: Generate, KeyTypes: macKeys, Min: 1, Max: maxSecret},
}

// SecretLength tells whether a secret key of this type can have n bytes; ok is
// false for a type that this token does not hold.
func SecretLength(keyType uint, n int) (fits, ok bool) {
	switch {
	case keyType == pkcs11.CKK_AES:
		return n == 16 || n == 24 || n == 32, true
	case keyType == CKK_HKDF, slices.Contains(macKeys, keyType):
		return 1 <= n && n <= maxSecret, true
	}
	fixed := FixedLength(keyType)
	return n == fixed, fixed > 0
}

// Generate makes a secret key of n bytes: from the mechanism's parameter where it is
// all that a key is made of, else drawn.
func (s *Spec) Generate(random io.Reader, keyType uint, m *pkcs11.Mechanism, n int) (*Key, error) {
	if s.fromParameter != nil {
		value, err := s.fromParameter(m, n)
		return NewSecret(value), err
	}
	value := make([]byte, n)
	if _, err := io.ReadFull(random, value); err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	SetParity(keyType, value)
	return NewSecret(value), nil
}

// CheckValue is CKA_CHECK_VALUE of a secret key, PKCS #11 v2.40 §4.10.2: three
// bytes of a zero block encrypted for block ciphers, of the SHA-1 of the value otherwise.
func CheckValue(keyType uint, k *Key) []byte {
	expand := blockOf((*Key).aes)
	switch keyType {
	case pkcs11.CKK_AES:
	case pkcs11.CKK_DES, pkcs11.CKK_DES2, pkcs11.CKK_DES3:
		expand = (*Key).des
	default:
		sum := sha1.Sum(k.value)
		return sum[:3]
	}
	b, err := expand(k)
	if err != nil {
		return nil
	}
	var zero [blockSize]byte
	b.Encrypt(zero[:], zero[:])
	return zero[:3]
}

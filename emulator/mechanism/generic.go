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
	case slices.Contains(macKeys, keyType):
		return 1 <= n && n <= maxSecret, true
	}
	return false, false
}

// NewRandomSecret draws a secret key of n bytes.
func NewRandomSecret(random io.Reader, n int) (*Key, error) {
	value := make([]byte, n)
	if _, err := io.ReadFull(random, value); err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	return NewSecret(value), nil
}

// CheckValue is CKA_CHECK_VALUE of a secret key, PKCS #11 v2.40 §4.10.2: three
// bytes of a zero block encrypted for AES, of the SHA-1 of the value otherwise.
func CheckValue(keyType uint, k *Key) []byte {
	if keyType == pkcs11.CKK_AES {
		b, err := k.aes()
		if err != nil {
			return nil
		}
		var zero [blockSize]byte
		b.Encrypt(zero[:], zero[:])
		return zero[:3]
	}
	sum := sha1.Sum(k.value)
	return sum[:3]
}

package mechanism

import (
	"crypto/cipher"
	"crypto/des"
	"math/bits"

	"github.com/miekg/pkcs11"
)

var (
	desKeys  = []uint{pkcs11.CKK_DES}
	des3Keys = []uint{pkcs11.CKK_DES3, pkcs11.CKK_DES2}
)

// desTable is DES in its three lengths, as legacy rows: NIST withdrew the last of them
// (SP 800-131A Rev. 2 §2). Key material of before must still be read somewhere.
var desTable = []Spec{
	{Type: pkcs11.CKM_DES_KEY_GEN, Operations: Generate, KeyTypes: desKeys, Min: 8, Max: 8},
	{Type: pkcs11.CKM_DES_ECB, Operations: Encrypt | Decrypt, KeyTypes: desKeys, Min: 8, Max: 8, cipher: ecb((*Key).des)},
	{Type: pkcs11.CKM_DES_CBC, Operations: Encrypt | Decrypt, KeyTypes: desKeys, Min: 8, Max: 8, cipher: cbc((*Key).des, des.BlockSize, false)},
	{Type: pkcs11.CKM_DES_CBC_PAD, Operations: Encrypt | Decrypt, KeyTypes: desKeys, Min: 8, Max: 8, cipher: cbc((*Key).des, des.BlockSize, true)},
	{Type: pkcs11.CKM_DES2_KEY_GEN, Operations: Generate, KeyTypes: []uint{pkcs11.CKK_DES2}, Min: 16, Max: 16},
	{Type: pkcs11.CKM_DES3_KEY_GEN, Operations: Generate, KeyTypes: []uint{pkcs11.CKK_DES3}, Min: 24, Max: 24},
	{Type: pkcs11.CKM_DES3_ECB, Operations: Encrypt | Decrypt, KeyTypes: des3Keys, Min: 16, Max: 24, cipher: ecb((*Key).des)},
	{Type: pkcs11.CKM_DES3_CBC, Operations: Encrypt | Decrypt, KeyTypes: des3Keys, Min: 16, Max: 24, cipher: cbc((*Key).des, des.BlockSize, false)},
	{Type: pkcs11.CKM_DES3_CBC_PAD, Operations: Encrypt | Decrypt | Wrap | Unwrap, KeyTypes: des3Keys, Min: 16, Max: 24,
		cipher: cbc((*Key).des, des.BlockSize, true)},
	{Type: pkcs11.CKM_DES3_ECB_ENCRYPT_DATA, Operations: Derive, KeyTypes: des3Keys, Min: 16, Max: 24, derive: deriveECB((*Key).des)},
	{Type: pkcs11.CKM_DES3_CBC_ENCRYPT_DATA, Operations: Derive, KeyTypes: des3Keys, Min: 16, Max: 24, derive: deriveCBC((*Key).des, des.BlockSize)},
}

// des is the expanded key of DES, or of triple DES with two keys or three.
func (k *Key) des() (cipher.Block, error) {
	v := k.value
	switch len(v) {
	case 8:
		return des.NewCipher(v)
	case 16:
		return des.NewTripleDESCipher(append(v[:16:16], v[:8]...))
	case 24:
		return des.NewTripleDESCipher(v)
	}
	return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
}

// FixedLength is the length in bytes of the keys of a type that has only one, else 0.
func FixedLength(keyType uint) int {
	switch keyType {
	case pkcs11.CKK_DES:
		return 8
	case pkcs11.CKK_DES2:
		return 16
	case pkcs11.CKK_DES3:
		return 24
	}
	return 0
}

// SetParity gives every byte of a DES key odd parity (FIPS 46-3) and leaves others
// alone.
func SetParity(keyType uint, value []byte) {
	if FixedLength(keyType) == 0 {
		return
	}
	for i, b := range value {
		value[i] = b&^1 | byte(bits.OnesCount8(b>>1)+1)&1
	}
}

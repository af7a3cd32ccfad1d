package cryptoki

import (
	"unsafe"

	"github.com/miekg/pkcs11"
)

// Limits of what a key derivation may ask for.
const (
	maxPassword   = 1 << 10 // bytes
	maxIterations = 1 << 24 // some seconds of PBKDF2
)

// lowestAddress is where Linux puts a program that is not position-independent. Nothing that
// a program has lies below.
const lowestAddress = 4 << 20

// PBKDF2 holds the parameters of CKM_PKCS5_PBKD2.
type PBKDF2 struct {
	PRF            uint // CKP_
	Iterations     uint
	Salt, Password []byte
}

// PBKDF2Parameter reads a raw CK_PKCS5_PBKD2_PARAMS2 or the older CK_PKCS5_PBKD2_PARAMS
// (PKCS #11 v2.40 has both). They differ in the last word alone, the password's length or a
// pointer to it, and nothing says which is given: what is less than any address is a length,
// what is none that can be read is a length too, and both are refused if they are more than
// maxPassword. So of all lengths that are refused, one is taken for another only where it is by
// chance the address of a number up to maxPassword.
func PBKDF2Parameter(m *pkcs11.Mechanism) (p PBKDF2, err error) {
	w, err := readWords(m.Parameter, 72)
	if err != nil || generator(m) != nil || w[0] != pkcs11.CKZ_SALT_SPECIFIED || w[3] == 0 || w[3] > maxIterations || w[6] != 0 {
		return PBKDF2{}, invalidParameter
	}
	if w[8] >= lowestAddress && readable(w[8]) {
		length := *(*unsafe.Pointer)(unsafe.Pointer(&w[8]))
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&w[8])), 8), unsafe.Slice((*byte)(length), 8))
	}
	p.PRF, p.Iterations = uint(w[4]), uint(w[3])
	if p.Salt, err = w.bytes(1, 2, maxDerivation); err != nil {
		return PBKDF2{}, err
	}
	p.Password, err = w.bytes(7, 8, maxPassword)
	return p, err
}

// HKDF holds the parameters of CKM_HKDF_DERIVE (CK_HKDF_PARAMS, PKCS #11 v3.0 §2.43).
type HKDF struct {
	Extract, Expand bool
	Hash            uint // CKM_ of the digest
	Salt, Info      []byte
	SaltKey         uint // handle of the key that is the salt, 0: none
}

const (
	saltNull = 1 << iota // CKF_HKDF_SALT_…
	saltData
	saltKey
)

// HKDFParameter reads a raw CK_HKDF_PARAMS.
func HKDFParameter(m *pkcs11.Mechanism) (p HKDF, err error) {
	w, err := readWords(m.Parameter, 64)
	if err != nil || generator(m) != nil {
		return HKDF{}, invalidParameter
	}
	p = HKDF{Extract: m.Parameter[0] != 0, Expand: m.Parameter[1] != 0, Hash: uint(w[1])}
	if !p.Extract && !p.Expand {
		return HKDF{}, invalidParameter
	}
	switch w[2] {
	case saltNull:
	case saltData:
		p.Salt, err = w.bytes(3, 4, maxDerivation)
	case saltKey:
		p.SaltKey = uint(w[5])
	default:
		err = invalidParameter
	}
	if err != nil || w[2] == saltKey && p.SaltKey == 0 {
		return HKDF{}, invalidParameter
	}
	p.Info, err = w.bytes(6, 7, maxDerivation)
	return p, err
}

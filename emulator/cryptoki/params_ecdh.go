package cryptoki

import (
	"bytes"

	"github.com/miekg/pkcs11"
)

// maxPublic is more than any public key of a curve has, in bytes.
const maxPublic = 1 << 10

// ECDH holds the parameters of CKM_ECDH1_DERIVE and CKM_ECDH1_COFACTOR_DERIVE
// (CK_ECDH1_DERIVE_PARAMS).
type ECDH struct {
	KDF    uint   // CKD_
	Shared []byte // what both sides know, for the key derivation function
	Public []byte // the other side's public key
}

// ECDHParameter reads miekg's *ECDH1DeriveParams or a raw CK_ECDH1_DERIVE_PARAMS. A public
// key is never empty.
func ECDHParameter(m *pkcs11.Mechanism) (e ECDH, err error) {
	switch p := generator(m).(type) {
	case *pkcs11.ECDH1DeriveParams:
		if p == nil {
			return ECDH{}, invalidParameter
		}
		e = ECDH{p.KDF, bytes.Clone(p.SharedData), bytes.Clone(p.PublicKeyData)}
	case nil:
		w, err := readWords(m.Parameter, 40)
		if err != nil {
			return ECDH{}, err
		}
		e.KDF = uint(w[0])
		if e.Shared, err = w.bytes(2, 1, maxDerivation); err != nil {
			return ECDH{}, err
		}
		if e.Public, err = w.bytes(4, 3, maxPublic); err != nil {
			return ECDH{}, err
		}
	default:
		return ECDH{}, invalidParameter
	}
	if len(e.Public) == 0 || len(e.Public) > maxPublic || len(e.Shared) > maxDerivation {
		return ECDH{}, invalidParameter
	}
	return e, nil
}

// EDDSA holds the parameters of CKM_EDDSA (CK_EDDSA_PARAMS, PKCS #11 v3.0 §2.3.14).
type EDDSA struct {
	Prehash bool
	Context []byte
}

// EDDSAParameter reads a raw CK_EDDSA_PARAMS; none is pure EdDSA without a context.
func EDDSAParameter(m *pkcs11.Mechanism) (e EDDSA, err error) {
	if len(m.Parameter) == 0 && generator(m) == nil {
		return EDDSA{}, nil
	}
	w, err := readWords(m.Parameter, 24)
	if err != nil || generator(m) != nil || m.Parameter[0] > 1 {
		return EDDSA{}, invalidParameter
	}
	e.Prehash = m.Parameter[0] == 1
	e.Context, err = w.bytes(2, 1, 255) // RFC 8032 §5.1
	return e, err
}

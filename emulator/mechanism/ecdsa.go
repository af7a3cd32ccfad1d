package mechanism

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

var (
	ecKeys         = []uint{pkcs11.CKK_EC}
	edwardsKeys    = []uint{CKK_EC_EDWARDS}
	montgomeryKeys = []uint{CKK_EC_MONTGOMERY}
)

// The least and the greatest field of each family, in bits.
const (
	minEC, maxEC = 256, 521
	field25519   = 255
)

// ecdsaSigns are the digests of ECDSA; 0 is none.
var ecdsaSigns = []struct {
	mechanism uint
	hash      crypto.Hash
}{
	{pkcs11.CKM_ECDSA, 0}, {pkcs11.CKM_ECDSA_SHA1, crypto.SHA1},
	{pkcs11.CKM_ECDSA_SHA224, crypto.SHA224}, {pkcs11.CKM_ECDSA_SHA256, crypto.SHA256},
	{pkcs11.CKM_ECDSA_SHA384, crypto.SHA384}, {pkcs11.CKM_ECDSA_SHA512, crypto.SHA512},
	{CKM_ECDSA_SHA3_224, crypto.SHA3_224}, {CKM_ECDSA_SHA3_256, crypto.SHA3_256},
	{CKM_ECDSA_SHA3_384, crypto.SHA3_384}, {CKM_ECDSA_SHA3_512, crypto.SHA3_512},
}

var curveTable = func() []Spec {
	rows := []Spec{
		{Type: pkcs11.CKM_EC_KEY_PAIR_GEN, Operations: GeneratePair, KeyTypes: ecKeys, Min: minEC, Max: maxEC, pair: curvePair},
		{Type: CKM_EC_EDWARDS_KEY_PAIR_GEN, Operations: GeneratePair, KeyTypes: edwardsKeys, Min: field25519, Max: field25519, pair: curvePair},
		{Type: CKM_EC_MONTGOMERY_KEY_PAIR_GEN, Operations: GeneratePair, KeyTypes: montgomeryKeys, Min: field25519, Max: field25519, pair: curvePair},
		{Type: CKM_EDDSA, Operations: Sign | Verify, KeyTypes: edwardsKeys, Min: field25519, Max: field25519, sign: eddsa, single: true},
	}
	for _, c := range ecdsaSigns {
		rows = append(rows, Spec{Type: c.mechanism, Operations: Sign | Verify, KeyTypes: ecKeys, Min: minEC, Max: maxEC,
			sign: ecdsaSignature(c.hash), single: c.hash == 0})
	}
	return rows
}()

func curvePair(p Pair) (*Key, error) { return NewCurvePair(p.Curve) }

// ecdsaSignature signs a digest, of which the curve takes the leading bits: PKCS #11
// v2.40 §2.3.1. A digest of no bytes, or of zeros, is one as any other.
func ecdsaSignature(h crypto.Hash) func(*Key, *pkcs11.Mechanism) (signer, error) {
	return func(k *Key, m *pkcs11.Mechanism) (signer, error) {
		if err := cryptoki.NoParameter(m); err != nil {
			return nil, err
		}
		s := newKeySigner(h)
		s.sign = func(digest []byte) ([]byte, error) { return signECDSA(k.half, digest) }
		s.verify = func(digest, signature []byte) error { return verifyECDSA(k.half, digest, signature) }
		return s, nil
	}
}

// signECDSA gives r and s, each as long as the order.
func signECDSA(k *half, digest []byte) ([]byte, error) {
	if len(digest) > maxCollected {
		return nil, errDataLength
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.private.(*ecdsa.PrivateKey), digest)
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	n := k.curve.size()
	out := make([]byte, 2*n)
	r.FillBytes(out[:n])
	s.FillBytes(out[n:])
	return out, nil
}

// verifyECDSA takes shorter halves too, when they are equal: PKCS #11 v2.40 §2.3.1.
func verifyECDSA(k *half, digest, signature []byte) error {
	n := len(signature) / 2
	switch {
	case len(digest) > maxCollected:
		return errDataLength
	case n == 0 || len(signature)%2 != 0 || n > k.curve.size():
		return errSignatureLength
	}
	r, s := new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])
	if !ecdsa.Verify(k.public.(*ecdsa.PublicKey), digest, r, s) {
		return errSignature
	}
	return nil
}

// eddsa is Ed25519 of RFC 8032. Its variants with a context or a digest are refused.
func eddsa(k *Key, m *pkcs11.Mechanism) (signer, error) {
	p, err := cryptoki.EDDSAParameter(m)
	if err != nil {
		return nil, err
	}
	if p.Prehash || len(p.Context) > 0 {
		return nil, errParameter
	}
	s := &keySigner{most: maxData}
	s.sign = func(message []byte) ([]byte, error) {
		if len(message) > maxData {
			return nil, errDataLength
		}
		return ed25519.Sign(k.half.private.(ed25519.PrivateKey), message), nil
	}
	s.verify = func(message, signature []byte) error {
		switch {
		case len(message) > maxData:
			return errDataLength
		case len(signature) != ed25519.SignatureSize:
			return errSignatureLength
		case !ed25519.Verify(k.half.public.(ed25519.PublicKey), message, signature):
			return errSignature
		}
		return nil
	}
	return s, nil
}

package mechanism

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"math/big"
	"sync"

	"github.com/miekg/pkcs11"
)

// half is a key on an elliptic curve: the public half, or both. Either has the type of
// Go's package for its curve: ecdsa, ed25519 or, for X25519, ecdh.
type half struct {
	curve   *Curve
	public  crypto.PublicKey
	private crypto.PrivateKey // nil: the public half alone
	agree   func() (*ecdh.PrivateKey, error)
}

// newHalf takes over a private key of Go's.
func newHalf(c *Curve, private crypto.PrivateKey) *Key {
	h := &half{curve: c, private: private}
	switch k := private.(type) {
	case *ecdsa.PrivateKey:
		h.public, h.agree = &k.PublicKey, sync.OnceValues(k.ECDH)
	case ed25519.PrivateKey:
		h.public = k.Public()
	case *ecdh.PrivateKey:
		h.public, h.agree = k.PublicKey(), func() (*ecdh.PrivateKey, error) { return k, nil }
	}
	return &Key{half: h}
}

// NewCurvePair makes a key pair on a curve. Go draws it itself, from the operating system.
func NewCurvePair(c *Curve) (*Key, error) {
	var k crypto.PrivateKey
	var err error
	switch c.keyType {
	case pkcs11.CKK_EC:
		k, err = ecdsa.GenerateKey(c.weier, rand.Reader)
	case CKK_EC_EDWARDS:
		_, k, err = ed25519.GenerateKey(nil)
	default:
		k, err = c.agree.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	return newHalf(c, k), nil
}

// NewCurvePublic checks and takes a public key: an uncompressed point on the curve, or the
// 32 bytes of RFC 8032 and RFC 7748.
func NewCurvePublic(c *Curve, point []byte) (*Key, error) {
	var k crypto.PublicKey
	var err error
	switch {
	case c.weier != nil:
		k, err = ecdsa.ParseUncompressedPublicKey(c.weier, point)
	case c.agree != nil:
		k, err = c.agree.NewPublicKey(point)
	case len(point) != ed25519.PublicKeySize:
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	default:
		k = ed25519.PublicKey(append([]byte(nil), point...))
	}
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	return &Key{half: &half{curve: c, public: k}}, nil
}

// NewCurvePrivate checks and takes a private key: a number below the curve's order, or
// the 32 bytes of RFC 8032 and RFC 7748.
func NewCurvePrivate(c *Curve, value []byte) (*Key, error) {
	var k crypto.PrivateKey
	var err error
	switch {
	case c.weier != nil:
		d := new(big.Int).SetBytes(value)
		if d.BitLen() > 8*c.size() {
			return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		k, err = ecdsa.ParseRawPrivateKey(c.weier, d.FillBytes(make([]byte, c.size())))
	case c.agree != nil:
		k, err = c.agree.NewPrivateKey(value)
	case len(value) != ed25519.SeedSize:
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	default:
		k = ed25519.NewKeyFromSeed(value)
	}
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	return newHalf(c, k), nil
}

// halfOf takes over a private key that was read from its PKCS #8 form; nil where it is
// not one of this type on a curve of this token.
func halfOf(keyType uint, private any) *Key {
	for _, c := range curves {
		if c.keyType == keyType && c.holds(private) {
			return newHalf(c, private)
		}
	}
	return nil
}

func (c *Curve) holds(private any) bool {
	switch k := private.(type) {
	case *ecdsa.PrivateKey:
		return k.Curve == c.weier
	case ed25519.PrivateKey:
		return c.keyType == CKK_EC_EDWARDS
	case *ecdh.PrivateKey:
		return c.weier == nil && k.Curve() == c.agree
	}
	return false
}

// Curve is the curve of an elliptic key, nil for any other.
func (k *Key) Curve() *Curve {
	if k.half == nil {
		return nil
	}
	return k.half.curve
}

// Point is the public half of an elliptic key, as NewCurvePublic takes it.
func (k *Key) Point() []byte {
	switch p := k.half.public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes()
		if err != nil {
			return nil // a key that was checked always has one
		}
		return point
	case *ecdh.PublicKey:
		return p.Bytes()
	case ed25519.PublicKey:
		return append([]byte(nil), p...)
	}
	return nil
}

// Scalar is the private half of an elliptic key, as NewCurvePrivate takes it: on a NIST
// curve a number without leading zeros, which is how PKCS #11 writes one.
func (k *Key) Scalar() []byte {
	switch p := k.half.private.(type) {
	case *ecdsa.PrivateKey:
		value, err := p.Bytes()
		if err != nil {
			return nil // as above
		}
		return new(big.Int).SetBytes(value).Bytes()
	case *ecdh.PrivateKey:
		return p.Bytes()
	case ed25519.PrivateKey:
		return p.Seed()
	}
	return nil
}

package mechanism

import (
	"bytes"
	"crypto/ecdh"
	"crypto/elliptic"
	"encoding/asn1"

	"github.com/miekg/pkcs11"
)

// Curve is an elliptic curve of this token.
type Curve struct {
	Params  []byte // CKA_EC_PARAMS in the form that this token writes: the DER of an OID
	name    []byte // the other form that it reads; nil: none
	keyType uint   // CKK_
	bits    int    // of the field, which is how PKCS #11 counts the size of a key
	weier   elliptic.Curve
	agree   ecdh.Curve
}

// curves are all of them. The OIDs are those of RFC 5480 §2.1.1.1 and RFC 8410 §3, the
// names PKCS #11 v3.0 §2.3.5's and §2.3.6's.
var curves = []*Curve{
	{Params: oid(1, 2, 840, 10045, 3, 1, 7), keyType: pkcs11.CKK_EC, bits: 256, weier: elliptic.P256(), agree: ecdh.P256()},
	{Params: oid(1, 3, 132, 0, 34), keyType: pkcs11.CKK_EC, bits: 384, weier: elliptic.P384(), agree: ecdh.P384()},
	{Params: oid(1, 3, 132, 0, 35), keyType: pkcs11.CKK_EC, bits: 521, weier: elliptic.P521(), agree: ecdh.P521()},
	{Params: oid(1, 3, 101, 112), name: printable("edwards25519"), keyType: CKK_EC_EDWARDS, bits: 255},
	{Params: oid(1, 3, 101, 110), name: printable("curve25519"), keyType: CKK_EC_MONTGOMERY, bits: 255, agree: ecdh.X25519()},
}

func oid(arcs ...int) []byte { return mustDER(asn1.Marshal(asn1.ObjectIdentifier(arcs))) }

func printable(s string) []byte { return mustDER(asn1.MarshalWithParams(s, "printable")) }

func mustDER(der []byte, err error) []byte {
	if err != nil {
		panic("mechanism: a constant has no DER form: " + err.Error())
	}
	return der
}

// CurveOf finds the curve of a key type that CKA_EC_PARAMS names. Any other, explicit
// parameters too, is CKR_CURVE_NOT_SUPPORTED, and what is no DER CKR_DOMAIN_PARAMS_INVALID.
func CurveOf(keyType uint, params []byte) (*Curve, error) {
	for _, c := range curves {
		if c.keyType == keyType && (bytes.Equal(params, c.Params) || c.name != nil && bytes.Equal(params, c.name)) {
			return c, nil
		}
	}
	var other asn1.RawValue
	if rest, err := asn1.Unmarshal(params, &other); err != nil || len(rest) != 0 {
		return nil, pkcs11.Error(pkcs11.CKR_DOMAIN_PARAMS_INVALID)
	}
	return nil, pkcs11.Error(pkcs11.CKR_CURVE_NOT_SUPPORTED)
}

// size is the length in bytes of a coordinate, of a private value, and of half an ECDSA
// signature: on these curves the order is as long as the field.
func (c *Curve) size() int { return (c.bits + 7) / 8 }

// EncodePoint writes CKA_EC_POINT: a DER OCTET STRING.
func EncodePoint(point []byte) []byte { return mustDER(asn1.Marshal(point)) }

// DecodePoint reads CKA_EC_POINT, and nothing after it.
func DecodePoint(der []byte) ([]byte, error) {
	var point []byte
	rest, err := asn1.Unmarshal(der, &point)
	if err != nil || len(rest) != 0 || len(point) == 0 {
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	return point, nil
}

package mechanism_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// everyCurve has each curve under the OID that names it, beside Go's name for it.
var everyCurve = []struct {
	name    string
	keyType uint
	params  []byte
	agree   ecdh.Curve
	generic elliptic.Curve
}{
	{"P-256", pkcs11.CKK_EC, unhex("06082a8648ce3d030107"), ecdh.P256(), elliptic.P256()},
	{"P-384", pkcs11.CKK_EC, unhex("06052b81040022"), ecdh.P384(), elliptic.P384()},
	{"P-521", pkcs11.CKK_EC, unhex("06052b81040023"), ecdh.P521(), elliptic.P521()},
	{"Ed25519", mechanism.CKK_EC_EDWARDS, unhex("06032b6570"), nil, nil},
	{"X25519", mechanism.CKK_EC_MONTGOMERY, unhex("06032b656e"), ecdh.X25519(), nil},
}

func curveOf(t testing.TB, keyType uint, params []byte) *mechanism.Curve {
	t.Helper()
	c, err := mechanism.CurveOf(keyType, params)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newPair makes a pair on one of everyCurve.
func newPair(t testing.TB, at int) *mechanism.Key {
	t.Helper()
	k, err := mechanism.NewCurvePair(curveOf(t, everyCurve[at].keyType, everyCurve[at].params))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCurveNames(t *testing.T) {
	printable := func(s string) []byte {
		der, err := asn1.MarshalWithParams(s, "printable")
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	edwards := curveOf(t, mechanism.CKK_EC_EDWARDS, unhex("06032b6570"))
	if curveOf(t, mechanism.CKK_EC_EDWARDS, printable("edwards25519")) != edwards {
		t.Error("edwards25519 is another curve than its OID names")
	}
	curveOf(t, mechanism.CKK_EC_MONTGOMERY, printable("curve25519"))
	for name, c := range map[string]struct {
		keyType uint
		params  []byte
		code    uint
	}{
		"a name of a NIST curve":     {pkcs11.CKK_EC, printable("prime256v1"), pkcs11.CKR_CURVE_NOT_SUPPORTED},
		"P-224":                      {pkcs11.CKK_EC, unhex("06052b81040021"), pkcs11.CKR_CURVE_NOT_SUPPORTED},
		"Ed25519 as X25519":          {mechanism.CKK_EC_MONTGOMERY, unhex("06032b6570"), pkcs11.CKR_CURVE_NOT_SUPPORTED},
		"implicitly CA (NULL)":       {pkcs11.CKK_EC, unhex("0500"), pkcs11.CKR_CURVE_NOT_SUPPORTED},
		"a byte after the OID":       {pkcs11.CKK_EC, unhex("06052b8104002200"), pkcs11.CKR_DOMAIN_PARAMS_INVALID},
		"half of an OID":             {pkcs11.CKK_EC, unhex("06052b81"), pkcs11.CKR_DOMAIN_PARAMS_INVALID},
		"nothing":                    {pkcs11.CKK_EC, nil, pkcs11.CKR_DOMAIN_PARAMS_INVALID},
		"no name, where it has none": {pkcs11.CKK_EC, []byte{}, pkcs11.CKR_DOMAIN_PARAMS_INVALID},
	} {
		_, err := mechanism.CurveOf(c.keyType, c.params)
		wants(t, name, err, c.code)
	}
}

// A key is the same after any of its forms: PKCS #8, private value, public point.
func TestCurveKeyForms(t *testing.T) {
	for at, c := range everyCurve {
		k := newPair(t, at)
		der, err := mechanism.MarshalPrivate(k)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		fromDER, err1 := mechanism.ParsePrivate(c.keyType, der)
		fromValue, err2 := mechanism.NewCurvePrivate(k.Curve(), k.Scalar())
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %v, %v", c.name, err1, err2)
		}
		for _, again := range []*mechanism.Key{fromDER, fromValue, k.PublicHalf()} {
			if !bytes.Equal(again.Point(), k.Point()) || again.Curve() != k.Curve() || again.Size() != k.Size() {
				t.Errorf("%s: another public half", c.name)
			}
		}
		public, err := mechanism.NewCurvePublic(k.Curve(), k.Point())
		if err != nil || !public.PublicKey().(interface{ Equal(crypto.PublicKey) bool }).Equal(k.PublicKey()) {
			t.Errorf("%s: from its point: %v", c.name, err)
		}
		if k.PublicHalf().Scalar() != nil {
			t.Errorf("%s: the public half has a private value", c.name)
		}
		for _, other := range []uint{pkcs11.CKK_RSA, pkcs11.CKK_EC, mechanism.CKK_EC_EDWARDS, mechanism.CKK_EC_MONTGOMERY} {
			if _, err := mechanism.ParsePrivate(other, der); (err == nil) != (other == c.keyType) {
				t.Errorf("%s as key type %#x: %v", c.name, other, err)
			}
		}
	}
}

func TestCurveKeysThatAreNone(t *testing.T) {
	for at, c := range everyCurve {
		k := newPair(t, at)
		for name, point := range map[string][]byte{"no": nil, "a longer": append(k.Point(), 0), "a shorter": k.Point()[1:]} {
			_, err := mechanism.NewCurvePublic(k.Curve(), point)
			wants(t, c.name+": "+name+" point", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		_, err := mechanism.NewCurvePrivate(k.Curve(), make([]byte, 67))
		if c.keyType != pkcs11.CKK_EC {
			wants(t, c.name+": a value too long", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
			continue
		}
		wants(t, c.name+": zero", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		_, err = mechanism.NewCurvePrivate(k.Curve(), c.generic.Params().N.Bytes())
		wants(t, c.name+": the order", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		off := k.Point()
		off[len(off)-1] ^= 1
		_, err = mechanism.NewCurvePublic(k.Curve(), off)
		wants(t, c.name+": beside the curve", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
}

var ecdsaMechanisms = map[uint]crypto.Hash{
	pkcs11.CKM_ECDSA_SHA1: crypto.SHA1, pkcs11.CKM_ECDSA_SHA224: crypto.SHA224, pkcs11.CKM_ECDSA_SHA256: crypto.SHA256,
	pkcs11.CKM_ECDSA_SHA384: crypto.SHA384, pkcs11.CKM_ECDSA_SHA512: crypto.SHA512,
	mechanism.CKM_ECDSA_SHA3_224: crypto.SHA3_224, mechanism.CKM_ECDSA_SHA3_256: crypto.SHA3_256,
	mechanism.CKM_ECDSA_SHA3_384: crypto.SHA3_384, mechanism.CKM_ECDSA_SHA3_512: crypto.SHA3_512,
}

// What the token signs, Go verifies, on each curve with each digest.
func TestECDSA(t *testing.T) {
	for at, c := range everyCurve[:3] {
		k := newPair(t, at)
		for mech, hash := range ecdsaMechanisms {
			m := pkcs11.NewMechanism(mech, nil)
			signature, err := sign(k, m, "mess", "age")
			if err != nil || len(signature) != 2*((k.Size()+7)/8) {
				t.Fatalf("%s, %v: %d bytes, %v", c.name, hash, len(signature), err)
			}
			h := hash.New()
			h.Write([]byte("message"))
			half := len(signature) / 2
			r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
			if !ecdsa.Verify(k.PublicKey().(*ecdsa.PublicKey), h.Sum(nil), r, s) {
				t.Errorf("%s, %v: Go does not verify", c.name, hash)
			}
			public := k.PublicHalf()
			wants(t, "the message", verify(public, m, signature, "message"), 0)
			wants(t, "the digest", verify(public, pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), signature, string(h.Sum(nil))), 0)
			wants(t, "another message", verify(public, m, signature, "another"), pkcs11.CKR_SIGNATURE_INVALID)
		}
	}
}

// A signature verifies, and with any bit changed it does not.
func TestCurveSignaturesAreWhole(t *testing.T) {
	keys := []*mechanism.Key{newPair(t, 0), newPair(t, 1), newPair(t, 2), newPair(t, 3)}
	rapid.Check(t, func(r *rapid.T) {
		k := rapid.SampledFrom(keys).Draw(r, "key")
		m := pkcs11.NewMechanism(pkcs11.CKM_ECDSA_SHA256, nil)
		if k == keys[3] {
			m = pkcs11.NewMechanism(mechanism.CKM_EDDSA, nil)
		}
		message := rapid.String().Draw(r, "message")
		signature, err := sign(k, m, message)
		if err != nil || verify(k.PublicHalf(), m, signature, message) != nil {
			r.Fatalf("signed %x, %v", signature, err)
		}
		bit := rapid.IntRange(0, 8*len(signature)-1).Draw(r, "bit")
		signature[bit/8] ^= 1 << (bit % 8)
		if verify(k.PublicHalf(), m, signature, message) == nil {
			r.Errorf("bit %d changed, and it verifies", bit)
		}
	})
}

// RFC 6979 §A.2.5: the signature of "sample" by P-256 with SHA-256.
func TestECDSAKnownSignature(t *testing.T) {
	k, err := mechanism.NewCurvePublic(curveOf(t, pkcs11.CKK_EC, everyCurve[0].params), unhex("04"+
		"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"+"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"))
	if err != nil {
		t.Fatal(err)
	}
	signature := unhex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" + "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")
	wants(t, "RFC 6979", verify(k, pkcs11.NewMechanism(pkcs11.CKM_ECDSA_SHA256, nil), signature, "sample"), 0)
}

// A signature may have shorter halves, when they are equal; its length alone may be wrong.
func TestECDSASignatureLengths(t *testing.T) {
	k, m := newPair(t, 0), pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)
	digest := string(make([]byte, 32))
	signature, err := sign(k, m, digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, signature[:63], append(bytes.Clone(signature), 0, 0)} {
		wants(t, "a wrong length", verify(k, m, bad, digest), pkcs11.CKR_SIGNATURE_LEN_RANGE)
	}
	wants(t, "zeros", verify(k, m, make([]byte, 64), digest), pkcs11.CKR_SIGNATURE_INVALID)
	wants(t, "one and one", verify(k, m, []byte{1, 1}, digest), pkcs11.CKR_SIGNATURE_INVALID)
	for _, data := range []string{"", digest, string(make([]byte, 64)), string(make([]byte, 100))} {
		if _, err := sign(k, m, data); err != nil {
			t.Errorf("%d bytes to sign: %v", len(data), err)
		}
	}
	k521 := newPair(t, 2)
	for signature, err = sign(k521, m, digest); err == nil && signature[0]+signature[66] != 0; { // three of four
		signature, err = sign(k521, m, digest)
	}
	wants(t, "two halves of 65 bytes", verify(k521, m, slices.Concat(signature[1:66], signature[67:]), digest), 0)
	_, err = sign(k, m, string(make([]byte, 1000)))
	wants(t, "more than any digest", err, pkcs11.CKR_DATA_LEN_RANGE)
	_, err = sign(k, pkcs11.NewMechanism(pkcs11.CKM_ECDSA, []byte{0}), digest)
	wants(t, "a parameter", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
}

// RFC 8032 §7.1, tests 1 to 3.
func TestEd25519Vectors(t *testing.T) {
	curve, m := curveOf(t, mechanism.CKK_EC_EDWARDS, everyCurve[3].params), pkcs11.NewMechanism(mechanism.CKM_EDDSA, nil)
	for _, v := range []struct{ seed, public, message, signature string }{
		{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	} {
		k, err := mechanism.NewCurvePrivate(curve, unhex(v.seed))
		if err != nil || !bytes.Equal(k.Point(), unhex(v.public)) {
			t.Fatalf("public key %x, %v", k.Point(), err)
		}
		got, err := sign(k, m, string(unhex(v.message)))
		if err != nil || !bytes.Equal(got, unhex(v.signature)) {
			t.Errorf("signature %x, %v", got, err)
		}
		wants(t, "verify", verify(k.PublicHalf(), m, got, string(unhex(v.message))), 0)
		wants(t, "another message", verify(k, m, got, "another"), pkcs11.CKR_SIGNATURE_INVALID)
		wants(t, "half of it", verify(k, m, got[:32], string(unhex(v.message))), pkcs11.CKR_SIGNATURE_LEN_RANGE)
	}
}

// Of the variants of Ed25519 there is one: no digest first, no context.
func TestEDDSAParameters(t *testing.T) {
	k := newPair(t, 3)
	of := func(prehash byte) *pkcs11.Mechanism {
		return pkcs11.NewMechanism(mechanism.CKM_EDDSA, append([]byte{prehash}, make([]byte, 23)...))
	}
	signature, err := sign(k, of(0), "message")
	if err != nil || !ed25519.Verify(k.PublicKey().(ed25519.PublicKey), []byte("message"), signature) {
		t.Errorf("an empty parameter: %v", err)
	}
	for name, m := range map[string]*pkcs11.Mechanism{"a digest first": of(1), "neither": of(2),
		"half a parameter": pkcs11.NewMechanism(mechanism.CKM_EDDSA, make([]byte, 8))} {
		_, err := sign(k, m, "message")
		wants(t, name, err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	}
}

func ecdhOf(kdf uint, shared, public []byte) *pkcs11.Mechanism {
	return pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(kdf, shared, public))
}

func agree(k *mechanism.Key, m *pkcs11.Mechanism, n int) ([]byte, error) {
	return mechanism.Lookup(m.Mechanism).Derive(k, m, mechanism.Derivation{Length: n})
}

// RFC 7748 §6.1 and RFC 5903 §8.1.
func TestECDHVectors(t *testing.T) {
	for _, v := range []struct {
		at              int
		private, public string
		secret          string
	}{
		{4, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
			"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
		{0, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
			"04" + "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63" + "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
			"d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"},
	} {
		k, err := mechanism.NewCurvePrivate(curveOf(t, everyCurve[v.at].keyType, everyCurve[v.at].params), unhex(v.private))
		if err != nil {
			t.Fatal(err)
		}
		for _, public := range [][]byte{unhex(v.public), mechanism.EncodePoint(unhex(v.public))} {
			got, err := agree(k, ecdhOf(pkcs11.CKD_NULL, nil, public), 0)
			if err != nil || !bytes.Equal(got, unhex(v.secret)) {
				t.Errorf("%s: %x, %v", everyCurve[v.at].name, got, err)
			}
		}
	}
}

// Both sides agree, with Go on either, and a shorter key is the end of the secret.
func TestECDHAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SampledFrom([]int{0, 1, 2, 4}).Draw(t, "curve")
		c := everyCurve[at]
		curve, err := mechanism.CurveOf(c.keyType, c.params)
		if err != nil {
			t.Fatal(err)
		}
		here, err := mechanism.NewCurvePair(curve)
		if err != nil {
			t.Fatal(err)
		}
		there, err := c.agree.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, err := c.agree.NewPublicKey(here.Point())
		if err != nil {
			t.Fatal(err)
		}
		want, err := there.ECDH(public)
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(0, len(want)).Draw(t, "bytes")
		got, err := agree(here, ecdhOf(pkcs11.CKD_NULL, nil, there.PublicKey().Bytes()), n)
		if n == 0 {
			n = len(want)
		}
		if err != nil || !bytes.Equal(got, want[len(want)-n:]) {
			t.Errorf("%s, %d bytes: %v", c.name, n, err)
		}
	})
}

// The key derivation function of ANSI X9.63 beside a second writing of it.
func TestX963(t *testing.T) {
	k, other := newPair(t, 1), newPair(t, 1)
	z, err := agree(k, ecdhOf(pkcs11.CKD_NULL, nil, other.Point()), 0)
	if err != nil {
		t.Fatal(err)
	}
	for kdf, hash := range map[uint]crypto.Hash{pkcs11.CKD_SHA1_KDF: crypto.SHA1, pkcs11.CKD_SHA224_KDF: crypto.SHA224,
		pkcs11.CKD_SHA256_KDF: crypto.SHA256, pkcs11.CKD_SHA384_KDF: crypto.SHA384, pkcs11.CKD_SHA512_KDF: crypto.SHA512} {
		var want []byte
		for i := byte(1); len(want) < 200; i++ {
			h := hash.New()
			h.Write(slices.Concat(z, []byte{0, 0, 0, i}, []byte("shared")))
			want = h.Sum(want)
		}
		for _, n := range []int{1, 16, 64, 65, 200} {
			got, err := agree(other, ecdhOf(kdf, []byte("shared"), k.Point()), n)
			if err != nil || !bytes.Equal(got, want[:n]) {
				t.Errorf("%v, %d bytes: %v", hash, n, err)
			}
		}
	}
	_, err = agree(k, ecdhOf(pkcs11.CKD_SHA256_KDF, nil, other.Point()), 0)
	wants(t, "no length", err, pkcs11.CKR_TEMPLATE_INCOMPLETE)
}

func TestECDHRefusals(t *testing.T) {
	k, x := newPair(t, 0), newPair(t, 4)
	for name, c := range map[string]struct {
		k    *mechanism.Key
		m    *pkcs11.Mechanism
		n    int
		code uint
	}{
		"a point of another curve":       {k, ecdhOf(pkcs11.CKD_NULL, nil, newPair(t, 1).Point()), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"a point beside the curve":       {k, ecdhOf(pkcs11.CKD_NULL, nil, append([]byte{4}, bytes.Repeat([]byte{1}, 64)...)), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"infinity":                       {k, ecdhOf(pkcs11.CKD_NULL, nil, []byte{0}), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"a point of low order":           {x, ecdhOf(pkcs11.CKD_NULL, nil, make([]byte, 32)), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"no point":                       {k, ecdhOf(pkcs11.CKD_NULL, nil, nil), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"shared data without a function": {k, ecdhOf(pkcs11.CKD_NULL, []byte("shared"), k.Point()), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"another function":               {k, ecdhOf(pkcs11.CKD_SHA1_KDF_ASN1, nil, k.Point()), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"no parameter":                   {k, pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, nil), 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"more than there is":             {k, ecdhOf(pkcs11.CKD_NULL, nil, k.Point()), 33, pkcs11.CKR_KEY_SIZE_RANGE},
	} {
		_, err := agree(c.k, c.m, c.n)
		wants(t, name, err, c.code)
	}
}

// FuzzCurve feeds what names a curve and what stands on it.
func FuzzCurve(f *testing.F) {
	for at, c := range everyCurve {
		k := newPair(f, at)
		f.Add(uint8(at), c.params, mechanism.EncodePoint(k.Point()), k.Scalar())
	}
	f.Fuzz(func(t *testing.T, which uint8, params, der, value []byte) {
		curve, err := mechanism.CurveOf(everyCurve[int(which)%len(everyCurve)].keyType, params)
		if err != nil {
			return
		}
		if point, err := mechanism.DecodePoint(der); err == nil {
			if k, err := mechanism.NewCurvePublic(curve, point); err == nil && !bytes.Equal(k.Point(), point) {
				t.Errorf("point %x became %x", point, k.Point())
			}
		}
		k, err := mechanism.NewCurvePrivate(curve, value)
		if err != nil {
			return
		}
		if again, err := mechanism.NewCurvePrivate(curve, k.Scalar()); err != nil || !bytes.Equal(again.Point(), k.Point()) {
			t.Errorf("became another key: %v", err)
		}
	})
}

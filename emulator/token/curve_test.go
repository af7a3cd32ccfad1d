package token_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/asn1"
	"fmt"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// pairs are the kinds of pairs on a curve, with a mechanism that signs, where there is one.
var pairs = []struct {
	name     string
	keyType  uint
	params   []byte
	generate uint
	sign     uint
	derives  bool
}{
	{"P-256", pkcs11.CKK_EC, oid(1, 2, 840, 10045, 3, 1, 7), pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.CKM_ECDSA_SHA256, true},
	{"P-384", pkcs11.CKK_EC, oid(1, 3, 132, 0, 34), pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.CKM_ECDSA_SHA384, true},
	{"P-521", pkcs11.CKK_EC, oid(1, 3, 132, 0, 35), pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.CKM_ECDSA, true},
	{"Ed25519", mechanism.CKK_EC_EDWARDS, oid(1, 3, 101, 112), mechanism.CKM_EC_EDWARDS_KEY_PAIR_GEN, mechanism.CKM_EDDSA, false},
	{"edwards25519", mechanism.CKK_EC_EDWARDS, printable("edwards25519"), mechanism.CKM_EC_EDWARDS_KEY_PAIR_GEN, mechanism.CKM_EDDSA, false},
	{"X25519", mechanism.CKK_EC_MONTGOMERY, oid(1, 3, 101, 110), mechanism.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, true},
	{"curve25519", mechanism.CKK_EC_MONTGOMERY, printable("curve25519"), mechanism.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, true},
}

func oid(arcs ...int) []byte {
	der, err := asn1.Marshal(asn1.ObjectIdentifier(arcs))
	if err != nil {
		panic(err)
	}
	return der
}

func printable(s string) []byte {
	der, err := asn1.MarshalWithParams(s, "printable")
	if err != nil {
		panic(err)
	}
	return der
}

// curvePair makes a pair that may be read, with usages of both halves.
func (g *ground) curvePair(generate uint, params []byte, more ...*pkcs11.Attribute) (public, private pkcs11.ObjectHandle) {
	g.t.Helper()
	public, private, err := g.GenerateKeyPair(g.s, plain(generate),
		append([]*pkcs11.Attribute{attr(pkcs11.CKA_EC_PARAMS, params), attr(cV, true)}, more...),
		append([]*pkcs11.Attribute{attr(cS, true), attr(cDrv, true), attr(pkcs11.CKA_SENSITIVE, false), attr(pkcs11.CKA_EXTRACTABLE, true)}, more...))
	check(g.t, err)
	return public, private
}

// A pair on each curve signs and verifies, and says which curve it is on.
func TestCurvePairs(t *testing.T) {
	g := memoryToken(t)
	for _, c := range pairs {
		public, private := g.curvePair(c.generate, c.params)
		for _, h := range []pkcs11.ObjectHandle{public, private} {
			if got, err := g.read(h, pkcs11.CKA_EC_PARAMS); err != nil || !bytes.Equal(got, c.params) {
				t.Errorf("%s: parameters %x, %v", c.name, got, err)
			}
			_, err := g.read(h, pkcs11.CKA_MODULUS)
			wants(t, c.name+": a modulus", err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
		}
		info, err1 := g.read(public, pkcs11.CKA_PUBLIC_KEY_INFO)
		same, err2 := g.read(private, pkcs11.CKA_PUBLIC_KEY_INFO)
		if err1 != nil || err2 != nil || len(info) == 0 || !bytes.Equal(info, same) {
			t.Errorf("%s: public key info %x, %x", c.name, info, same)
		}
		if c.sign == 0 {
			continue
		}
		check(t, g.SignInit(g.s, plain(c.sign), private))
		signature, err := g.Sign(g.s, []byte("message"))
		check(t, err)
		for message, code := range map[string]uint{"message": 0, "another": pkcs11.CKR_SIGNATURE_INVALID} {
			check(t, g.VerifyInit(g.s, plain(c.sign), public))
			wants(t, c.name+": "+message, g.Verify(g.s, []byte(message), signature), code)
		}
	}
}

// half is the template of one half of a pair, with parts read from another.
func (g *ground) half(class uint, keyType uint, from pkcs11.ObjectHandle, parts ...uint) []*pkcs11.Attribute {
	g.t.Helper()
	out := []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, class), attr(pkcs11.CKA_KEY_TYPE, keyType)}
	for _, typ := range parts {
		v, err := g.read(from, typ)
		check(g.t, err)
		out = append(out, attr(typ, v))
	}
	return out
}

// A key on a curve travels part by part, wrapped (PKCS #8), and as a copy.
func TestCurveKeysMove(t *testing.T) {
	g := memoryToken(t)
	wrapping := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)))
	for _, c := range pairs {
		public, private := g.curvePair(c.generate, c.params)
		againPublic := g.create(g.half(pkcs11.CKO_PUBLIC_KEY, c.keyType, public, pkcs11.CKA_EC_PARAMS, pkcs11.CKA_EC_POINT))
		readable := []*pkcs11.Attribute{attr(pkcs11.CKA_SENSITIVE, false), attr(pkcs11.CKA_EXTRACTABLE, true)}
		againPrivate := g.create(append(g.half(pkcs11.CKO_PRIVATE_KEY, c.keyType, private, pkcs11.CKA_EC_PARAMS, pkcs11.CKA_VALUE), readable...))
		blob, err := g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP_PAD), wrapping, private)
		check(t, err)
		unwrapped, err := g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP_PAD), wrapping, blob, append(g.half(pkcs11.CKO_PRIVATE_KEY, c.keyType, 0), readable[0]))
		check(t, err)
		copied, err := g.CopyObject(g.s, private, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "copy")})
		check(t, err)
		for _, typ := range []uint{pkcs11.CKA_VALUE, pkcs11.CKA_PUBLIC_KEY_INFO} {
			want, err := g.read(private, typ)
			check(t, err)
			for _, again := range []pkcs11.ObjectHandle{againPrivate, unwrapped, copied} {
				if got, err := g.read(again, typ); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, attribute %#x: %x, %v", c.name, typ, got, err)
				}
			}
		}
		for _, typ := range []uint{pkcs11.CKA_EC_POINT, pkcs11.CKA_PUBLIC_KEY_INFO} {
			want, err1 := g.read(public, typ)
			got, err2 := g.read(againPublic, typ)
			if err1 != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, attribute %#x: %x, %v", c.name, typ, got, err2)
			}
		}
		_, err = g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP_PAD), wrapping, blob, g.half(pkcs11.CKO_PRIVATE_KEY, pkcs11.CKK_RSA, 0))
		wants(t, c.name+" unwrapped as RSA", err, pkcs11.CKR_WRAPPED_KEY_INVALID)
	}
}

// What a template of a key on a curve may say, and must.
func TestTemplatesOfCurveKeys(t *testing.T) {
	g := memoryToken(t)
	p256 := pairs[0]
	public, private := g.curvePair(p256.generate, p256.params)
	point, err := g.read(public, pkcs11.CKA_EC_POINT)
	check(t, err)
	value, err := g.read(private, pkcs11.CKA_VALUE)
	check(t, err)
	params := attr(pkcs11.CKA_EC_PARAMS, p256.params)
	of := func(class uint, more ...*pkcs11.Attribute) []*pkcs11.Attribute {
		return append([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, class), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC)}, more...)
	}
	for name, c := range map[string]struct {
		template []*pkcs11.Attribute
		code     uint
	}{
		"no point":                   {of(pkcs11.CKO_PUBLIC_KEY, params), pkcs11.CKR_TEMPLATE_INCOMPLETE},
		"no curve":                   {of(pkcs11.CKO_PUBLIC_KEY, attr(pkcs11.CKA_EC_POINT, point)), pkcs11.CKR_TEMPLATE_INCOMPLETE},
		"no value":                   {of(pkcs11.CKO_PRIVATE_KEY, params), pkcs11.CKR_TEMPLATE_INCOMPLETE},
		"a raw point":                {of(pkcs11.CKO_PUBLIC_KEY, params, attr(pkcs11.CKA_EC_POINT, point[2:])), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		"a byte after the point":     {of(pkcs11.CKO_PUBLIC_KEY, params, attr(pkcs11.CKA_EC_POINT, append(bytes.Clone(point), 0))), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		"a value of zero":            {of(pkcs11.CKO_PRIVATE_KEY, params, attr(pkcs11.CKA_VALUE, []byte{0})), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		"a value with leading zeros": {of(pkcs11.CKO_PRIVATE_KEY, params, attr(pkcs11.CKA_VALUE, append([]byte{0}, value...))), 0},
		"another curve":              {of(pkcs11.CKO_PUBLIC_KEY, attr(pkcs11.CKA_EC_PARAMS, oid(1, 3, 132, 0, 33))), pkcs11.CKR_CURVE_NOT_SUPPORTED},
		"no DER":                     {of(pkcs11.CKO_PUBLIC_KEY, attr(pkcs11.CKA_EC_PARAMS, "P-256")), pkcs11.CKR_DOMAIN_PARAMS_INVALID},
		"a modulus":                  {of(pkcs11.CKO_PUBLIC_KEY, params, attr(pkcs11.CKA_MODULUS, []byte{1})), pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
		"a point of a private key":   {of(pkcs11.CKO_PRIVATE_KEY, params, attr(pkcs11.CKA_EC_POINT, point)), pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
		"a curve of an RSA key": {[]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA), params},
			pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
	} {
		_, err := g.CreateObject(g.s, c.template)
		wants(t, name, err, c.code)
	}
	_, _, err = g.GenerateKeyPair(g.s, plain(p256.generate), nil, nil)
	wants(t, "a pair on no curve", err, pkcs11.CKR_TEMPLATE_INCOMPLETE)
	_, _, err = g.GenerateKeyPair(g.s, plain(p256.generate), []*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS_BITS, 1024)}, nil)
	wants(t, "a pair with a modulus", err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
	_, _, err = g.GenerateKeyPair(g.s, plain(mechanism.CKM_EC_EDWARDS_KEY_PAIR_GEN), []*pkcs11.Attribute{params}, nil)
	wants(t, "an Edwards pair on P-256", err, pkcs11.CKR_CURVE_NOT_SUPPORTED)
	wants(t, "another curve later", g.SetAttributeValue(g.s, public, []*pkcs11.Attribute{attr(pkcs11.CKA_EC_PARAMS, oid(1, 3, 132, 0, 34))}), pkcs11.CKR_ATTRIBUTE_READ_ONLY)
}

func ecdh1(kdf uint, public []byte) []*pkcs11.Mechanism {
	return with(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(kdf, nil, public))
}

// peer is a public key of nobody's, raw, on the curve of P-256.
func peer(t testing.TB) []byte {
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	check(t, err)
	return k.PublicKey().Bytes()
}

// Two keys of one token agree, and a secret that is not wanted whole loses its beginning.
func TestAgreement(t *testing.T) {
	g := memoryToken(t)
	for _, c := range pairs {
		if !c.derives {
			continue
		}
		publicA, privateA := g.curvePair(c.generate, c.params)
		publicB, privateB := g.curvePair(c.generate, c.params)
		pointA, err := g.read(publicA, pkcs11.CKA_EC_POINT)
		check(t, err)
		pointB, err := g.read(publicB, pkcs11.CKA_EC_POINT)
		check(t, err)
		of := func(m []*pkcs11.Mechanism, base pkcs11.ObjectHandle, template []*pkcs11.Attribute) string {
			h, err := g.DeriveKey(g.s, m, base, template)
			return g.valueOf(h, err)
		}
		readable := []*pkcs11.Attribute{attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_EXTRACTABLE, true), attr(pkcs11.CKA_SENSITIVE, false)}
		whole := of(ecdh1(pkcs11.CKD_NULL, pointB), privateA, readable)
		if other := of(ecdh1(pkcs11.CKD_NULL, pointA), privateB, readable); other != whole {
			t.Errorf("%s: %s and %s", c.name, whole, other)
		}
		if got := of(ecdh1(pkcs11.CKD_NULL, pointB), privateA, append(readable, attr(pkcs11.CKA_VALUE_LEN, 16))); got != whole[len(whole)-32:] {
			t.Errorf("%s: the last 16 bytes of %s are %s", c.name, whole, got)
		}
		const long = 100
		kdf := of(ecdh1(pkcs11.CKD_SHA256_KDF, pointB), privateA, append(readable, attr(pkcs11.CKA_VALUE_LEN, long)))
		if other := of(ecdh1(pkcs11.CKD_SHA256_KDF, pointA), privateB, append(readable, attr(pkcs11.CKA_VALUE_LEN, long))); other != kdf || len(kdf) != 2*long {
			t.Errorf("%s: %s and %s", c.name, kdf, other)
		}
		_, err = g.DeriveKey(g.s, ecdh1(pkcs11.CKD_SHA256_KDF, pointB), privateA, readable)
		wants(t, c.name+": no length", err, pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
}

// An agreement is bound to the rules of every derivation.
func TestAgreementKeepsTheRules(t *testing.T) {
	g := memoryToken(t)
	params := pairs[0].params
	public, sensitive, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_EC_KEY_PAIR_GEN), append(on(cDrv), attr(pkcs11.CKA_EC_PARAMS, params)), on(cDrv))
	check(t, err)
	generic := attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET)
	_, err = g.DeriveKey(g.s, ecdh1(pkcs11.CKD_NULL, peer(t)), sensitive, []*pkcs11.Attribute{generic, attr(pkcs11.CKA_SENSITIVE, false)})
	wants(t, "a readable secret of a sensitive key", err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
	_, err = g.DeriveKey(g.s, ecdh1(pkcs11.CKD_NULL, peer(t)), public, []*pkcs11.Attribute{generic})
	wants(t, "a public base key", err, pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	_, signs := g.curvePair(pairs[3].generate, pairs[3].params)
	_, err = g.DeriveKey(g.s, ecdh1(pkcs11.CKD_NULL, peer(t)), signs, []*pkcs11.Attribute{generic})
	wants(t, "an Edwards key", err, pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	h, err := g.DeriveKey(g.s, ecdh1(pkcs11.CKD_NULL, peer(t)), sensitive, []*pkcs11.Attribute{generic})
	check(t, err)
	if length, err := g.read(h, pkcs11.CKA_VALUE_LEN); err != nil || !bytes.Equal(length, attr(0, 32).Value) {
		t.Errorf("length %x, %v", length, err)
	}
	_, err = g.read(h, pkcs11.CKA_VALUE)
	wants(t, "reading it", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
}

// Where a signature takes its data in one part, a part ends it.
func TestSinglePartSignatures(t *testing.T) {
	g := memoryToken(t)
	public, private := g.curvePair(pairs[0].generate, pairs[0].params)
	edPublic, edPrivate := g.curvePair(pairs[3].generate, pairs[3].params)
	for _, c := range []struct {
		mech            uint
		public, private pkcs11.ObjectHandle
		parts           bool
	}{
		{pkcs11.CKM_ECDSA, public, private, false}, {mechanism.CKM_EDDSA, edPublic, edPrivate, false}, {pkcs11.CKM_ECDSA_SHA256, public, private, true},
	} {
		for name, f := range map[string]func() error{
			"C_SignUpdate": func() error {
				check(t, g.SignInit(g.s, plain(c.mech), c.private))
				return g.SignUpdate(g.s, []byte("part"))
			},
			"C_VerifyUpdate": func() error {
				check(t, g.VerifyInit(g.s, plain(c.mech), c.public))
				return g.VerifyUpdate(g.s, []byte("part"))
			},
		} {
			code := uint(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
			if c.parts {
				code = 0
			}
			wants(t, fmt.Sprintf("%s, %#x", name, c.mech), f(), code)
		}
		if c.parts {
			continue
		}
		_, err := g.Sign(g.s, []byte("message"))
		wants(t, "C_Sign after a part", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
}

// Pairs of every kind come back from a directory as they were, and sign.
func TestDirectoryKeepsCurves(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	for _, c := range pairs {
		g.curvePair(c.generate, c.params, attr(pkcs11.CKA_TOKEN, true), attr(pkcs11.CKA_LABEL, c.name))
	}
	before := g.everything()
	g.Destroy()

	g = directoryToken(t, dir)
	after := g.everything()
	if len(before) != 2*len(pairs) || len(after) != len(before) {
		t.Fatalf("%d objects became %d", len(before), len(after))
	}
	for object := range before {
		if !after[object] {
			t.Errorf("lost or changed:\n%s", object)
		}
	}
	for _, c := range pairs {
		if c.sign != 0 {
			private := g.find(attr(pkcs11.CKA_LABEL, c.name), attr(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY))[0]
			check(t, g.SignInit(g.s, plain(c.sign), private))
			_, err := g.Sign(g.s, []byte("message"))
			check(t, err)
		}
	}
}

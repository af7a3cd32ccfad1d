package token_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"
)

func TestFindObjects(t *testing.T) {
	g := memoryToken(t)
	key := func(label, id string, more ...*pkcs11.Attribute) pkcs11.ObjectHandle {
		return g.create(secretKey(pkcs11.CKK_AES, random(16), append(more, attr(pkcs11.CKA_LABEL, label), attr(pkcs11.CKA_ID, id))))
	}
	a, b, c := key("one", "1", on(pkcs11.CKA_SIGN)...), key("one", "2"), key("", "1", on(pkcs11.CKA_TOKEN)...)
	for _, q := range []struct {
		name     string
		template []*pkcs11.Attribute
		want     []pkcs11.ObjectHandle
	}{
		{"everything", nil, []pkcs11.ObjectHandle{a, b, c}},
		{"by label", []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "one")}, []pkcs11.ObjectHandle{a, b}},
		{"by id", []*pkcs11.Attribute{attr(pkcs11.CKA_ID, "1")}, []pkcs11.ObjectHandle{a, c}},
		{"by both", []*pkcs11.Attribute{attr(pkcs11.CKA_ID, "1"), attr(pkcs11.CKA_LABEL, "one")}, []pkcs11.ObjectHandle{a}},
		{"without a label", []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "")}, []pkcs11.ObjectHandle{c}},
		{"by a boolean", on(pkcs11.CKA_SIGN), []pkcs11.ObjectHandle{a}},
		{"token objects", on(pkcs11.CKA_TOKEN), []pkcs11.ObjectHandle{c}},
		{"by a computed attribute", []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 16)}, []pkcs11.ObjectHandle{a, b, c}},
		{"by an attribute that none has", []*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS, "x")}, nil},
	} {
		if got := g.find(q.template...); !slices.Equal(got, q.want) {
			t.Errorf("%s: %v, want %v", q.name, got, q.want)
		}
	}
	check(t, g.SetAttributeValue(g.s, b, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "two")}))
	check(t, g.DestroyObject(g.s, a))
	if got := g.find(attr(pkcs11.CKA_LABEL, "one")); len(got) != 0 {
		t.Errorf("by a label of before: %v", got)
	}
	if got := g.find(attr(pkcs11.CKA_LABEL, "two")); !slices.Equal(got, []pkcs11.ObjectHandle{b}) {
		t.Errorf("by the new label: %v", got)
	}
}

func TestFindObjectsProtocol(t *testing.T) {
	g := memoryToken(t)
	for range 5 {
		g.create(secretKey(pkcs11.CKK_AES, random(16), nil))
	}
	_, _, err := g.FindObjects(g.s, 1)
	wants(t, "without a search", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	wants(t, "the end of none", g.FindObjectsFinal(g.s), pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, g.FindObjectsInit(g.s, nil))
	wants(t, "two searches", g.FindObjectsInit(g.s, nil), pkcs11.CKR_OPERATION_ACTIVE)
	for _, want := range []int{3, 2, 0} {
		found, _, err := g.FindObjects(g.s, 3)
		if err != nil || len(found) != want {
			t.Errorf("found %v, %v, want %d", found, err, want)
		}
	}
	check(t, g.FindObjectsFinal(g.s))
}

func TestDestroyObject(t *testing.T) {
	g := memoryToken(t)
	firm := g.create(secretKey(pkcs11.CKK_AES, random(16), []*pkcs11.Attribute{attr(pkcs11.CKA_DESTROYABLE, false)}))
	wants(t, "what must not be destroyed", g.DestroyObject(g.s, firm), pkcs11.CKR_ACTION_PROHIBITED)
	for _, where := range [][]*pkcs11.Attribute{nil, on(pkcs11.CKA_TOKEN)} {
		h := g.create(secretKey(pkcs11.CKK_AES, random(16), where))
		check(t, g.DestroyObject(g.s, h))
		wants(t, "twice", g.DestroyObject(g.s, h), pkcs11.CKR_OBJECT_HANDLE_INVALID)
	}
}

func TestDataObject(t *testing.T) {
	g := memoryToken(t)
	h := g.create([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_TOKEN, true),
		attr(pkcs11.CKA_VALUE, "value"), attr(pkcs11.CKA_APPLICATION, "app"), attr(pkcs11.CKA_OBJECT_ID, "oid")})
	check(t, g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE, "new")}))
	if got, err := g.read(h, pkcs11.CKA_VALUE); err != nil || string(got) != "new" {
		t.Errorf("value %q, %v", got, err)
	}
	if n, err := g.GetObjectSize(g.s, h); err != nil || n < 10 {
		t.Errorf("size %d, %v", n, err)
	}
}

// A pair works across its halves, and its parts are where they belong.
func TestKeyPair(t *testing.T) {
	g := memoryToken(t)
	public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		append(on(pkcs11.CKA_WRAP, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_MODULUS_BITS, 1024), attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})),
		append(on(pkcs11.CKA_UNWRAP, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_EXTRACTABLE, false)))
	check(t, err)
	m := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))}
	value := random(32)
	secret := g.create(secretKey(pkcs11.CKK_AES, value, on(pkcs11.CKA_EXTRACTABLE)))
	blob, err := g.WrapKey(g.s, m, public, secret)
	check(t, err)
	h, err := g.UnwrapKey(g.s, m, private, blob, []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)})
	check(t, err)
	if got, err := g.read(h, pkcs11.CKA_VALUE); err != nil || !bytes.Equal(got, value) {
		t.Errorf("unwrapped %x, %v", got, err)
	}
	for _, typ := range []uint{pkcs11.CKA_MODULUS, pkcs11.CKA_PUBLIC_EXPONENT, pkcs11.CKA_PUBLIC_KEY_INFO} {
		a, err1 := g.read(public, typ)
		b, err2 := g.read(private, typ)
		if err1 != nil || err2 != nil || len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("attribute %#x differs: %x, %x", typ, a, b)
		}
	}
	for _, typ := range []uint{pkcs11.CKA_PRIVATE_EXPONENT, pkcs11.CKA_PRIME_1, pkcs11.CKA_COEFFICIENT} {
		_, err := g.read(private, typ)
		wants(t, "a secret part", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
	}
	_, err = g.CreateObject(g.s, []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA)})
	wants(t, "a public key without a modulus", err, pkcs11.CKR_TEMPLATE_INCOMPLETE)
}

// rsaParts are the attributes of a private key, in the order of PKCS #1.
var rsaParts = []uint{pkcs11.CKA_MODULUS, pkcs11.CKA_PUBLIC_EXPONENT, pkcs11.CKA_PRIVATE_EXPONENT, pkcs11.CKA_PRIME_1,
	pkcs11.CKA_PRIME_2, pkcs11.CKA_EXPONENT_1, pkcs11.CKA_EXPONENT_2, pkcs11.CKA_COEFFICIENT}

// An extractable private key travels wrapped (PKCS #8), or part by part.
func TestPrivateKeyMoves(t *testing.T) {
	g := memoryToken(t)
	_, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN), []*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS_BITS, 1024)},
		[]*pkcs11.Attribute{attr(pkcs11.CKA_SENSITIVE, false), attr(pkcs11.CKA_EXTRACTABLE, true)})
	check(t, err)
	wrapping := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)))
	blob, err := g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP_PAD), wrapping, private)
	check(t, err)
	class := []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA), attr(pkcs11.CKA_SENSITIVE, false)}
	unwrapped, err := g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP_PAD), wrapping, blob, class)
	check(t, err)
	parts := append(class, attr(pkcs11.CKA_EXTRACTABLE, true))
	for _, typ := range rsaParts {
		v, err := g.read(unwrapped, typ)
		check(t, err)
		parts = append(parts, attr(typ, v))
	}
	again := g.create(parts)
	for _, typ := range rsaParts {
		a, err1 := g.read(private, typ)
		b, err2 := g.read(again, typ)
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("attribute %#x: %x, %v became %x, %v", typ, a, err1, b, err2)
		}
	}
	parts[len(parts)-1] = attr(pkcs11.CKA_COEFFICIENT, []byte{1, 2, 3})
	_, err = g.CreateObject(g.s, parts)
	wants(t, "a coefficient that is not the key's", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
}

// One operation at a time, in the right order, and over after an error.
func TestOperationStates(t *testing.T) {
	g := memoryToken(t)
	key := g.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT)))
	mac := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(16), on(pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY)))
	ecb, hmac := plain(pkcs11.CKM_AES_ECB), plain(pkcs11.CKM_SHA256_HMAC)

	_, err := g.Encrypt(g.s, nil)
	wants(t, "C_Encrypt first", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, g.EncryptInit(g.s, ecb, key))
	wants(t, "two encryptions", g.EncryptInit(g.s, ecb, key), pkcs11.CKR_OPERATION_ACTIVE)
	check(t, g.DecryptInit(g.s, ecb, key)) // beside a decryption, a signature, a digest
	check(t, g.SignInit(g.s, hmac, mac))
	check(t, g.VerifyInit(g.s, hmac, mac))
	check(t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)))
	_, err = g.Encrypt(g.s, make([]byte, 15))
	wants(t, "half a block", err, pkcs11.CKR_DATA_LEN_RANGE)
	_, err = g.Encrypt(g.s, make([]byte, 16))
	wants(t, "after an error", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)

	check(t, g.SignUpdate(g.s, []byte("part")))
	_, err = g.Sign(g.s, []byte("rest"))
	wants(t, "C_Sign after C_SignUpdate", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	_, err = g.SignFinal(g.s)
	wants(t, "after that error", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	wants(t, "a signature of the wrong length", g.Verify(g.s, nil, make([]byte, 20)), pkcs11.CKR_SIGNATURE_LEN_RANGE)
	check(t, g.VerifyInit(g.s, hmac, mac))
	wants(t, "a wrong signature", g.Verify(g.s, nil, make([]byte, 32)), pkcs11.CKR_SIGNATURE_INVALID)
}

// Parts give what the whole gives.
func TestPartsAndWhole(t *testing.T) {
	g := memoryToken(t)
	mac := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), append(on(pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY, pkcs11.CKA_EXTRACTABLE), attr(pkcs11.CKA_SENSITIVE, false))))
	hmac, sha := plain(pkcs11.CKM_SHA512_HMAC), plain(pkcs11.CKM_SHA512)
	check(t, g.SignInit(g.s, hmac, mac))
	whole, err := g.Sign(g.s, []byte("two parts"))
	check(t, err)
	check(t, g.SignInit(g.s, hmac, mac))
	check(t, g.VerifyInit(g.s, hmac, mac))
	check(t, g.DigestInit(g.s, sha))
	for _, part := range []string{"two ", "parts"} {
		check(t, g.SignUpdate(g.s, []byte(part)))
		check(t, g.VerifyUpdate(g.s, []byte(part)))
		check(t, g.DigestUpdate(g.s, []byte(part)))
	}
	inParts, err := g.SignFinal(g.s)
	if err != nil || !bytes.Equal(inParts, whole) {
		t.Errorf("%x, %v, want %x", inParts, err, whole)
	}
	wants(t, "verification in parts", g.VerifyFinal(g.s, whole), 0)
	check(t, g.DigestKey(g.s, mac))
	if sum, err := g.DigestFinal(g.s); err != nil || len(sum) != 64 {
		t.Errorf("digest in parts: %x, %v", sum, err)
	}
	hidden := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), on(pkcs11.CKA_SENSITIVE)))
	check(t, g.DigestInit(g.s, sha))
	wants(t, "digest of a hidden key", g.DigestKey(g.s, hidden), pkcs11.CKR_KEY_INDIGESTIBLE)
}

func TestRandom(t *testing.T) {
	g := memoryToken(t)
	a, err := g.GenerateRandom(g.s, 32)
	check(t, err)
	b, err := g.GenerateRandom(g.s, 32)
	check(t, err)
	if bytes.Equal(a, b) || len(a) != 32 {
		t.Errorf("%x, %x", a, b)
	}
	_, err = g.GenerateRandom(g.s, -1)
	wants(t, "less than nothing", err, pkcs11.CKR_ARGUMENTS_BAD)
	wants(t, "a seed", g.SeedRandom(g.s, a), pkcs11.CKR_RANDOM_SEED_NOT_SUPPORTED)
}

func TestNoSlotEvent(t *testing.T) {
	g := memoryToken(t)
	if event, open := <-g.WaitForSlotEvent(pkcs11.CKF_DONT_BLOCK); open {
		t.Errorf("a slot event %v", event)
	}
}

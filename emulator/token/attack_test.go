package token_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Each row is a way to two usages on one key that together read or plant keys
// (Clulow 2003; Tookan 2010). The first usages are given at creation, the
// others added, one call each; the last call must be refused.
func TestConflictingUsages(t *testing.T) {
	g := memoryToken(t)
	const E, D, W, U = pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP
	off := func(typ uint) *pkcs11.Attribute { return attr(typ, false) }
	set := func(h pkcs11.ObjectHandle, a ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		return h, g.SetAttributeValue(g.s, h, a)
	}
	copyOf := func(h pkcs11.ObjectHandle, a ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		return g.CopyObject(g.s, h, a)
	}
	type step struct {
		by   func(pkcs11.ObjectHandle, ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
		what []*pkcs11.Attribute
	}
	for _, c := range []struct {
		name  string
		first []uint
		then  []step
	}{
		{"wrap and decrypt at once", []uint{W, D}, nil},
		{"unwrap and encrypt at once", []uint{U, E}, nil},
		{"all of them", []uint{E, D, W, U}, nil},
		{"decrypt after wrap", []uint{W}, []step{{set, on(D)}}},
		{"wrap after decrypt", []uint{D}, []step{{set, on(W)}}},
		{"encrypt after unwrap", []uint{U}, []step{{set, on(E)}}},
		{"wrap, not any more, decrypt", []uint{W}, []step{{set, []*pkcs11.Attribute{off(W)}}, {set, on(D)}}},
		{"wrap turned to decrypt in one call", []uint{W}, []step{{set, []*pkcs11.Attribute{off(W), attr(D, true)}}}},
		{"a copy that decrypts", []uint{W}, []step{{copyOf, []*pkcs11.Attribute{off(W), attr(D, true)}}}},
		{"a copy of a copy that decrypts", nil, []step{{copyOf, on(W)}, {copyOf, nil}, {set, on(D)}}},
		{"unwrap and derive at once", []uint{U, pkcs11.CKA_DERIVE}, nil},
		{"encrypt what was derived by encryption", []uint{pkcs11.CKA_DERIVE}, []step{{set, on(E)}}},
		{"a copy of a copy that encrypts", []uint{U}, []step{{copyOf, []*pkcs11.Attribute{off(U)}}, {copyOf, on(E)}}},
	} {
		h, err := g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, random(32), on(c.first...)))
		for _, step := range c.then {
			check(t, err)
			h, err = step.by(h, step.what...)
		}
		wants(t, c.name, err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	for _, pair := range [][]uint{{W, U}, {E, D}, {W, E}, {U, D}} {
		_, err := g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, random(32), on(pair...)))
		wants(t, "usages that do not conflict", err, 0)
	}
}

func TestConflictingUsagesOfAPair(t *testing.T) {
	g := memoryToken(t)
	_, _, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		append(on(pkcs11.CKA_WRAP), attr(pkcs11.CKA_MODULUS_BITS, 1024)), on(pkcs11.CKA_DECRYPT))
	wants(t, "public wraps, private decrypts", err, pkcs11.CKR_TEMPLATE_INCONSISTENT)

	_, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		append(on(pkcs11.CKA_WRAP), attr(pkcs11.CKA_MODULUS_BITS, 1024)), nil)
	check(t, err)
	wants(t, "public wraps, private decrypts later", g.SetAttributeValue(g.s, private, on(pkcs11.CKA_DECRYPT)), pkcs11.CKR_TEMPLATE_INCONSISTENT)
}

// Without its usage attribute a key does nothing.
func TestUsages(t *testing.T) {
	g := memoryToken(t)
	aes := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_EXTRACTABLE)))
	mac := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), nil))
	iv := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, make([]byte, 16))}
	for name, err := range map[string]error{
		"encrypt": g.EncryptInit(g.s, iv, aes),
		"decrypt": g.DecryptInit(g.s, iv, aes),
		"sign":    g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac),
		"verify":  g.VerifyInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac),
		"wrap":    second(g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), aes, aes)),
		"unwrap":  second(g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), aes, make([]byte, 24), nil)),
		"derive":  second(g.derive(aes, random(16))),
	} {
		wants(t, name, err, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED)
	}
}

func second[T any](_ T, err error) error { return err }

// A key and a mechanism that do not belong together.
func TestWrongKeyForTheMechanism(t *testing.T) {
	g := memoryToken(t)
	aes := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_SIGN, pkcs11.CKA_WRAP)))
	mac := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), on(pkcs11.CKA_SIGN, pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)))
	wants(t, "HMAC under AES", g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), aes), pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	wants(t, "HMAC that encrypts", g.EncryptInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac), pkcs11.CKR_MECHANISM_INVALID)
	wants(t, "unknown mechanism", g.SignInit(g.s, plain(pkcs11.CKM_MD5), mac), pkcs11.CKR_MECHANISM_INVALID)
	wants(t, "no mechanism", g.SignInit(g.s, nil, mac), pkcs11.CKR_ARGUMENTS_BAD)
	wants(t, "no key", g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), 4711), pkcs11.CKR_KEY_HANDLE_INVALID)
	_, err := g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), mac, aes)
	wants(t, "wrapping under an HMAC key", err, pkcs11.CKR_WRAPPING_KEY_TYPE_INCONSISTENT)
	_, err = g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), 4711, aes)
	wants(t, "wrapping under nothing", err, pkcs11.CKR_WRAPPING_KEY_HANDLE_INVALID)
	_, err = g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), mac, nil, nil)
	wants(t, "unwrapping under an HMAC key", err, pkcs11.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT)
}

// What may leave the token, and under which key.
func TestWrapping(t *testing.T) {
	g := memoryToken(t)
	var p runtime.Pinner
	defer p.Unpin()
	trusted := g.trusted() // first: it logs out, which ends private session keys
	onlySensitive := cryptoki.PinTemplate(&p, on(pkcs11.CKA_SENSITIVE))
	wrapping := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_WRAP)))
	strict := g.create(secretKey(pkcs11.CKK_AES, random(32), append(on(pkcs11.CKA_WRAP), attr(pkcs11.CKA_WRAP_TEMPLATE, onlySensitive))))
	key := func(a ...*pkcs11.Attribute) pkcs11.ObjectHandle {
		return g.create(secretKey(pkcs11.CKK_AES, random(32), a))
	}
	extractable := attr(pkcs11.CKA_EXTRACTABLE, true)
	careful := []*pkcs11.Attribute{extractable, attr(pkcs11.CKA_WRAP_WITH_TRUSTED, true)}
	for _, c := range []struct {
		name       string
		under, key pkcs11.ObjectHandle
		code       uint
	}{
		{"extractable", wrapping, key(extractable), 0},
		{"not extractable", wrapping, key(), pkcs11.CKR_KEY_UNEXTRACTABLE},
		{"only under a trusted key, under another", wrapping, key(careful...), pkcs11.CKR_KEY_NOT_WRAPPABLE},
		{"only under a trusted key, under it", trusted, key(careful...), 0},
		{"as the wrap template asks", strict, key(extractable, attr(pkcs11.CKA_SENSITIVE, true)), 0},
		{"not as the wrap template asks", strict, key(extractable), pkcs11.CKR_KEY_NOT_WRAPPABLE},
		{"no key", wrapping, g.create([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA)}), pkcs11.CKR_KEY_NOT_WRAPPABLE},
		{"nothing", wrapping, 4711, pkcs11.CKR_KEY_HANDLE_INVALID},
	} {
		_, err := g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), c.under, c.key)
		wants(t, c.name, err, c.code)
	}
}

// trusted is a wrapping key that the security officer marked.
func (g *ground) trusted() pkcs11.ObjectHandle {
	g.t.Helper()
	check(g.t, g.Logout(g.s))
	check(g.t, g.Login(g.s, pkcs11.CKU_SO, soPIN))
	_, err := g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_WRAP, pkcs11.CKA_TRUSTED)))
	wants(g.t, "a private object of the SO", err, pkcs11.CKR_USER_NOT_LOGGED_IN)
	h := g.create(secretKey(pkcs11.CKK_AES, random(32), append(on(pkcs11.CKA_WRAP, pkcs11.CKA_TRUSTED), attr(pkcs11.CKA_PRIVATE, false))))
	check(g.t, g.Logout(g.s))
	check(g.t, g.Login(g.s, pkcs11.CKU_USER, userPIN))
	return h
}

// The unwrap template decides what an unwrapped key can be.
func TestUnwrapTemplate(t *testing.T) {
	g := memoryToken(t)
	var p runtime.Pinner
	defer p.Unpin()
	rules := append(on(pkcs11.CKA_SENSITIVE, pkcs11.CKA_SIGN), attr(pkcs11.CKA_EXTRACTABLE, false), attr(pkcs11.CKA_DECRYPT, false))
	master := g.create(secretKey(pkcs11.CKK_AES, random(32), append(on(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_SENSITIVE),
		attr(pkcs11.CKA_UNWRAP_TEMPLATE, cryptoki.PinTemplate(&p, rules)))))
	key := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), on(pkcs11.CKA_EXTRACTABLE)))
	blob, err := g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), master, key)
	check(t, err)
	unwrap := func(a ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		return g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), master, blob,
			append(a, attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET)))
	}
	for _, c := range []struct {
		name string
		a    []*pkcs11.Attribute
		code uint
	}{
		{"says nothing", nil, 0},
		{"agrees", rules, 0},
		{"adds what the rules leave open", on(pkcs11.CKA_VERIFY), 0},
		{"is readable", []*pkcs11.Attribute{attr(pkcs11.CKA_SENSITIVE, false)}, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"can leave", on(pkcs11.CKA_EXTRACTABLE), pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"decrypts", on(pkcs11.CKA_DECRYPT), pkcs11.CKR_TEMPLATE_INCONSISTENT},
	} {
		h, err := unwrap(c.a...)
		wants(t, c.name, err, c.code)
		if err != nil {
			continue
		}
		for _, r := range rules {
			if got, err := g.read(h, r.Type); err != nil || got[0] != r.Value[0] {
				t.Errorf("%s: attribute %#x is %x, %v", c.name, r.Type, got, err)
			}
		}
	}
	// The template itself cannot be changed, and is read as types and lengths.
	wants(t, "set", g.SetAttributeValue(g.s, master, []*pkcs11.Attribute{attr(pkcs11.CKA_UNWRAP_TEMPLATE, []byte{})}), pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	shown, err := g.read(master, pkcs11.CKA_UNWRAP_TEMPLATE)
	if err != nil || len(shown) != 24*len(rules) {
		t.Errorf("shown as %d bytes, %v", len(shown), err)
	}
}

// The derive template does the same for derived keys.
func TestDeriveTemplate(t *testing.T) {
	g := memoryToken(t)
	rules := []*pkcs11.Attribute{off(pkcs11.CKA_EXTRACTABLE), attr(pkcs11.CKA_SENSITIVE, true), attr(cS, true)}
	child := []*pkcs11.Attribute{attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_VALUE_LEN, 16)}
	answer := nested(pkcs11.CKA_DERIVE_TEMPLATE, rules, func(a *pkcs11.Attribute) string {
		base := g.create(secretKey(pkcs11.CKK_AES, random(32), append(on(cDrv), a)))
		for _, r := range rules {
			against := attr(r.Type, r.Value[0] == 0)
			_, err := g.derive(base, random(16), append(child, against)...)
			wants(t, fmt.Sprintf("against %#x", r.Type), err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
		}
		h, err := g.derive(base, random(16), child...)
		check(t, err)
		return gives(g.read(h, pkcs11.CKA_EXTRACTABLE)) + gives(g.read(h, pkcs11.CKA_SENSITIVE)) + gives(g.read(h, cS))
	})
	if answer != "000101" {
		t.Errorf("the key is %s", answer)
	}
}

// A key that decrypts would give out what its unwrap template keeps in.
func TestNoTemplateBesideDecrypt(t *testing.T) {
	g := memoryToken(t)
	nested(pkcs11.CKA_UNWRAP_TEMPLATE, on(pkcs11.CKA_SENSITIVE), func(a *pkcs11.Attribute) string {
		wants(t, "at once", second(g.CreateObject(g.s, append(aesOf(random(16), cU, cD), a))), pkcs11.CKR_TEMPLATE_INCONSISTENT)
		key := g.create(append(aesOf(random(16), cU), a))
		wants(t, "later", g.SetAttributeValue(g.s, key, []*pkcs11.Attribute{attr(cD, true)}), pkcs11.CKR_TEMPLATE_INCONSISTENT)
		return ""
	})
	wants(t, "without a template", second(g.CreateObject(g.s, aesOf(random(16), cU, cD))), 0)
}

func TestTemplateInATemplate(t *testing.T) {
	g := memoryToken(t)
	for name, inner := range map[string][]*pkcs11.Attribute{
		"a value":              {attr(pkcs11.CKA_VALUE, random(16))},
		"a template":           {attr(pkcs11.CKA_UNWRAP_TEMPLATE, []byte{})},
		"an attribute twice":   {attr(pkcs11.CKA_SIGN, true), attr(pkcs11.CKA_SIGN, true)},
		"no attribute we know": {attr(0x7ffffff0, true)},
		"a boolean of 2":       {attr(pkcs11.CKA_SIGN, []byte{2})},
	} {
		var p runtime.Pinner
		_, err := g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, random(32), []*pkcs11.Attribute{attr(pkcs11.CKA_UNWRAP_TEMPLATE, cryptoki.PinTemplate(&p, inner))}))
		wants(t, name, err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		p.Unpin()
	}
}

// A readable child would make a derivation key an oracle for its encryption.
func TestDerivedKeysStaySensitive(t *testing.T) {
	g := memoryToken(t)
	base := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_DERIVE, pkcs11.CKA_SENSITIVE)))
	child := []*pkcs11.Attribute{attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_VALUE_LEN, 16)}
	_, err := g.derive(base, random(16), append(child, attr(pkcs11.CKA_SENSITIVE, false))...)
	wants(t, "readable on purpose", err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
	h, err := g.derive(base, random(16), append(child, attr(pkcs11.CKA_EXTRACTABLE, true))...)
	check(t, err)
	_, err = g.read(h, pkcs11.CKA_VALUE)
	wants(t, "readable by default", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
}

func TestDerivationLengths(t *testing.T) {
	g := memoryToken(t)
	base := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_DERIVE)))
	for _, c := range []struct {
		name          string
		typ, n, bytes int
		code          uint
	}{
		{"all of it", pkcs11.CKK_GENERIC_SECRET, 32, 32, 0},
		{"the leading 20 bytes", pkcs11.CKK_GENERIC_SECRET, 20, 32, 0},
		{"an AES key", pkcs11.CKK_AES, 24, 32, 0},
		{"more than there is", pkcs11.CKK_GENERIC_SECRET, 33, 32, pkcs11.CKR_KEY_SIZE_RANGE},
		{"no AES key", pkcs11.CKK_AES, 20, 32, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"half a block", pkcs11.CKK_GENERIC_SECRET, 16, 24, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		{"no length", pkcs11.CKK_GENERIC_SECRET, 0, 16, pkcs11.CKR_TEMPLATE_INCOMPLETE},
	} {
		a := []*pkcs11.Attribute{attr(pkcs11.CKA_KEY_TYPE, c.typ)}
		if c.n > 0 {
			a = append(a, attr(pkcs11.CKA_VALUE_LEN, c.n))
		}
		_, err := g.derive(base, random(c.bytes), a...)
		wants(t, c.name, err, c.code)
	}
}

// CKA_VALUE_LEN of an unwrapped key, and key types that do not fit.
func TestUnwrapLengths(t *testing.T) {
	g := memoryToken(t)
	wrapping := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)))
	seed := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, append(random(20), 0, 0, 0, 0), on(pkcs11.CKA_EXTRACTABLE)))
	odd := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(40), on(pkcs11.CKA_EXTRACTABLE)))
	for _, c := range []struct {
		name      string
		key       pkcs11.ObjectHandle
		typ, size int
		code      uint
	}{
		{"its length", odd, pkcs11.CKK_GENERIC_SECRET, 40, 0},
		{"a seed padded with zeros", seed, pkcs11.CKK_GENERIC_SECRET, 20, 0},
		{"cut into the key", odd, pkcs11.CKK_GENERIC_SECRET, 39, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"more than there is", odd, pkcs11.CKK_GENERIC_SECRET, 41, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"40 bytes of AES", odd, pkcs11.CKK_AES, 0, pkcs11.CKR_WRAPPED_KEY_INVALID},
	} {
		blob, err := g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), wrapping, c.key)
		check(t, err)
		a := []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, c.typ)}
		if c.size > 0 {
			a = append(a, attr(pkcs11.CKA_VALUE_LEN, c.size))
		}
		h, err := g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), wrapping, blob, a)
		wants(t, c.name, err, c.code)
		if got, _ := g.read(h, pkcs11.CKA_VALUE_LEN); err == nil && string(got) != string(attr(0, c.size).Value) {
			t.Errorf("%s: reads a length of %x", c.name, got)
		}
	}
}

// Random blobs conjure no key.
func TestKeyConjuring(t *testing.T) {
	g := memoryToken(t)
	wrapping := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_UNWRAP)))
	template := []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET)}
	for range 10_000 {
		if _, err := g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), wrapping, random(40), template); err == nil {
			t.Fatal("a key out of nothing")
		}
	}
	for _, mech := range []uint{pkcs11.CKM_AES_ECB, pkcs11.CKM_AES_CBC, pkcs11.CKM_AES_CBC_PAD, pkcs11.CKM_RSA_PKCS} {
		_, err := g.UnwrapKey(g.s, plain(mech), wrapping, random(32), template)
		wants(t, "unwrapping without integrity", err, pkcs11.CKR_MECHANISM_INVALID)
	}
}

func TestAllowedMechanisms(t *testing.T) {
	g := memoryToken(t)
	h := g.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), append(on(pkcs11.CKA_SIGN), attr(pkcs11.CKA_ALLOWED_MECHANISMS, pkcs11.CKM_SHA256_HMAC))))
	wants(t, "the one allowed", g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), h), 0)
	wants(t, "another", g.SignInit(g.session(), plain(pkcs11.CKM_SHA_1_HMAC), h), pkcs11.CKR_MECHANISM_INVALID)
}

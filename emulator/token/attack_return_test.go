package token_test

import (
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/token"
)

// A key that leaves under a wrapping key and comes back by it stays sensitive: who unwraps
// chooses the attributes, and would choose a readable key. Each row gives the key by which
// it comes back.
func TestWhatComesBackStaysSensitive(t *testing.T) {
	same := func(_ *ground, wrapping pkcs11.ObjectHandle) pkcs11.ObjectHandle { return wrapping }
	wrapsNoMore := func(g *ground, wrapping pkcs11.ObjectHandle) pkcs11.ObjectHandle {
		check(g.t, g.SetAttributeValue(g.s, wrapping, []*pkcs11.Attribute{off(cW)}))
		return wrapping
	}
	copied := func(g *ground, wrapping pkcs11.ObjectHandle) pkcs11.ObjectHandle {
		h, err := g.CopyObject(g.s, wrapping, []*pkcs11.Attribute{off(cW)})
		check(g.t, err)
		return h
	}
	twin := func(g *ground, _ pkcs11.ObjectHandle) pkcs11.ObjectHandle {
		return g.create(secretKey(pkcs11.CKK_AES, key16, on(cU, pkcs11.CKA_SENSITIVE)))
	}
	for _, c := range []struct {
		name   string
		permit []string
		value  []byte // of the wrapping key; it comes back from under key16
		by     func(*ground, pkcs11.ObjectHandle) pkcs11.ObjectHandle
		code   uint
	}{
		{"the wrapping key", nil, key16, same, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"the wrapping key, which wraps no more", nil, key16, wrapsNoMore, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"its copy", nil, key16, copied, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"the same value, which has never wrapped as this object", nil, key16, twin, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"one that never wraps", nil, key32, twin, 0},
		{"the wrapping key, where readable children are permitted", []string{token.PermitReadable}, key16, same, 0},
	} {
		m, err := token.New(token.Config{Label: "test", SOPIN: soPIN, UserPIN: userPIN, Permit: c.permit})
		check(t, err)
		g := loggedIn(t, m)
		by := c.by(g, g.create(secretKey(pkcs11.CKK_AES, c.value, on(cW, cU, pkcs11.CKA_SENSITIVE))))
		aes := []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)}
		back, err := g.UnwrapKey(g.s, kw, by, wrapped(key16, key32), aes)
		check(t, err)
		_, err = g.read(back, pkcs11.CKA_VALUE)
		if c.code == 0 {
			wants(t, "read by "+c.name, err, 0)
		} else {
			wants(t, "read by "+c.name, err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
		}
		_, err = g.UnwrapKey(g.s, kw, by, wrapped(key16, key32), append(aes, off(pkcs11.CKA_SENSITIVE)))
		wants(t, "named readable by "+c.name, err, c.code)
	}
}

// What only a trusted key wraps comes back from under it as confined, and the user, who
// could otherwise have it unwrap or decrypt, does not change what the key is for.
func TestTrustedKeysStayAsTheOfficerMadeThem(t *testing.T) {
	g := memoryToken(t)
	check(t, g.Logout(g.s))
	check(t, g.Login(g.s, pkcs11.CKU_SO, soPIN))
	both := g.create(secretKey(pkcs11.CKK_AES, key16, append(on(cW, cU, pkcs11.CKA_TRUSTED), off(pkcs11.CKA_PRIVATE))))
	check(t, g.Logout(g.s))
	check(t, g.Login(g.s, pkcs11.CKU_USER, userPIN))
	template := unwrapped(pkcs11.CKK_AES, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_SENSITIVE)
	back, err := g.UnwrapKey(g.s, kw, both, wrapped(key16, key32), template)
	check(t, err)
	_, err = g.WrapKey(g.s, kw, g.create(aesOf(key16, cW)), back)
	wants(t, "under a key of the user", err, pkcs11.CKR_KEY_NOT_WRAPPABLE)
	_, err = g.WrapKey(g.s, kw, both, back)
	wants(t, "under the trusted key", err, 0)
	_, err = g.UnwrapKey(g.s, kw, both, wrapped(key16, key32), append(template, off(pkcs11.CKA_WRAP_WITH_TRUSTED)))
	wants(t, "named free", err, pkcs11.CKR_TEMPLATE_INCONSISTENT)

	wraps := g.trusted()
	wants(t, "UNWRAP by the user", g.SetAttributeValue(g.s, wraps, on(cU)), pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	wants(t, "a label by the user", g.SetAttributeValue(g.s, wraps, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "w")}), 0)
}

// The user takes no trust away either: what the trusted key has wrapped would come back
// from under a copy that is not trusted. Nor does it come back readable, though nobody has
// named the trusted key sensitive, and not from under the other half of a trusted pair.
func TestTrustStays(t *testing.T) {
	g := memoryToken(t)
	check(t, g.Logout(g.s))
	check(t, g.Login(g.s, pkcs11.CKU_SO, soPIN))
	both := g.create(secretKey(pkcs11.CKK_AES, key16, append(on(cW, cU, pkcs11.CKA_TRUSTED), off(pkcs11.CKA_PRIVATE))))
	public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		append(on(cW, pkcs11.CKA_TRUSTED), attr(pkcs11.CKA_MODULUS_BITS, 1024), off(pkcs11.CKA_PRIVATE)), append(on(cU), off(pkcs11.CKA_PRIVATE)))
	check(t, err)
	check(t, g.Logout(g.s))
	check(t, g.Login(g.s, pkcs11.CKU_USER, userPIN))

	untrusted := []*pkcs11.Attribute{off(pkcs11.CKA_TRUSTED)}
	wants(t, "taken off", g.SetAttributeValue(g.s, both, untrusted), pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	wants(t, "a copy without", second(g.CopyObject(g.s, both, untrusted)), pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	key := g.drawn(pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_WRAP_WITH_TRUSTED)
	oaep := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))}
	for _, c := range []struct {
		name     string
		m        []*pkcs11.Mechanism
		out, in  pkcs11.ObjectHandle
		template []*pkcs11.Attribute
	}{
		{"named readable", kw, both, both, []*pkcs11.Attribute{off(pkcs11.CKA_SENSITIVE)}},
		{"named free", kw, both, both, []*pkcs11.Attribute{off(pkcs11.CKA_WRAP_WITH_TRUSTED)}},
		{"named readable, by a pair", oaep, public, private, []*pkcs11.Attribute{off(pkcs11.CKA_SENSITIVE)}},
		{"named free, by a pair", oaep, public, private, []*pkcs11.Attribute{off(pkcs11.CKA_WRAP_WITH_TRUSTED)}},
	} {
		blob, err := g.WrapKey(g.s, c.m, c.out, key)
		check(t, err)
		aes := []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)}
		wants(t, c.name, second(g.UnwrapKey(g.s, c.m, c.in, blob, append(aes, c.template...))), pkcs11.CKR_TEMPLATE_INCONSISTENT)
		back, err := g.UnwrapKey(g.s, c.m, c.in, blob, aes)
		check(t, err)
		_, err = g.read(back, pkcs11.CKA_VALUE)
		wants(t, "read", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
	}
}

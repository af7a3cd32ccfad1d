package token_test

import (
	"bytes"
	"runtime"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// usages are all that a secret key may be for.
var usages = []uint{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY,
	pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE}

// stated says of every boolean that matters what it is, so that no default
// speaks: those named are true, the key may be read unless it is sensitive.
func stated(set ...uint) []*pkcs11.Attribute {
	values := map[uint]bool{pkcs11.CKA_EXTRACTABLE: !slices.Contains(set, pkcs11.CKA_SENSITIVE), pkcs11.CKA_PRIVATE: true}
	for _, typ := range set {
		values[typ] = true
	}
	var out []*pkcs11.Attribute
	for _, typ := range append([]uint{pkcs11.CKA_TOKEN, pkcs11.CKA_PRIVATE, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE}, usages...) {
		out = append(out, attr(typ, values[typ]))
	}
	return out
}

// but is a template with some attributes replaced, or added.
func but(template []*pkcs11.Attribute, with ...*pkcs11.Attribute) []*pkcs11.Attribute {
	out := slices.Clone(template)
	for _, w := range with {
		replaced := false
		for i, a := range out {
			if a.Type == w.Type {
				out[i], replaced = w, true
			}
		}
		if !replaced {
			out = append(out, w)
		}
	}
	return out
}

var (
	key16 = bytes.Repeat([]byte{0x16}, 16)
	key32 = bytes.Repeat([]byte{0x32}, 32)
)

func aesOf(value []byte, set ...uint) []*pkcs11.Attribute {
	return secretKey(pkcs11.CKK_AES, value, stated(set...))
}

func genericOf(value []byte, set ...uint) []*pkcs11.Attribute {
	return secretKey(pkcs11.CKK_GENERIC_SECRET, value, stated(set...))
}

// creating is the answer to a template.
func creating(template ...*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string { return says(second(g.CreateObject(g.s, template))) }
}

func generating(mech uint, template ...*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string { return says(second(g.GenerateKey(g.s, plain(mech), template))) }
}

func pairing(public, private []*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string {
		_, _, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN), public, private)
		return says(err)
	}
}

var bits1024 = attr(pkcs11.CKA_MODULUS_BITS, 1024)

var templateScenarios = []scenario{
	{name: "create AES of 16", do: creating(aesOf(key16)...)},
	{name: "create AES of 24", do: creating(aesOf(key32[:24])...)},
	{name: "create AES of 32", do: creating(aesOf(key32)...)},
	{name: "create AES of 17", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_OK", strict}, do: creating(aesOf(key32[:17])...)},
	{name: "create AES of nothing", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_OK", strict}, do: creating(aesOf(nil)...)},
	{name: "create generic of 20", do: creating(genericOf(key32[:20])...)},
	{name: "create generic of 1", do: creating(genericOf(key32[:1])...)},
	{name: "create generic of nothing", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_OK", strict}, do: creating(genericOf(nil)...)},
	{name: "create without template", meant: meant{"CKR_TEMPLATE_INCOMPLETE", "CKR_ARGUMENTS_BAD", null}, do: creating()},
	{name: "create without class", do: creating(aesOf(key16)[1:]...)},
	{name: "create without key type", do: creating(append(aesOf(key16)[:1:1], aesOf(key16)[2:]...)...)},
	{name: "create without value", do: creating(append(aesOf(key16)[:2:2], aesOf(key16)[3:]...)...)},
	{name: "create of an unknown class", do: creating(but(aesOf(key16), attr(pkcs11.CKA_CLASS, 0x4242))...)},
	{name: "create of an unknown key type", do: creating(but(aesOf(key16), attr(pkcs11.CKA_KEY_TYPE, 0x4242))...)},
	{name: "create with class of one byte", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_TEMPLATE_INCOMPLETE", named}, do: creating(but(aesOf(key16), attr(pkcs11.CKA_CLASS, true))...)},
	{name: "create with an unknown attribute", do: creating(append(aesOf(key16), attr(0x7ffffff0, true))...)},
	{name: "create with an RSA attribute", do: creating(append(aesOf(key16), attr(pkcs11.CKA_MODULUS, key16))...)},
	{name: "create with a boolean of two", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_OK", strict}, do: creating(but(aesOf(key16), attr(pkcs11.CKA_SIGN, []byte{2}))...)},
	{name: "create with a boolean of 8 bytes", do: creating(but(aesOf(key16), attr(pkcs11.CKA_SIGN, 1))...)},
	{name: "create with an attribute twice", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_OK", strict}, do: creating(append(aesOf(key16), attr(pkcs11.CKA_SIGN, true))...)},
	{name: "create with a date", do: creating(append(aesOf(key16), attr(pkcs11.CKA_START_DATE, "20300101"))...)},
	{name: "create with an empty date", do: creating(append(aesOf(key16), attr(pkcs11.CKA_START_DATE, ""))...)},
	{name: "create with a date of three bytes", do: creating(append(aesOf(key16), attr(pkcs11.CKA_START_DATE, "now"))...)},
	{name: "create with CKA_LOCAL", do: creating(append(aesOf(key16), attr(pkcs11.CKA_LOCAL, true))...)},
	{name: "create with CKA_ALWAYS_SENSITIVE", do: creating(append(aesOf(key16), attr(pkcs11.CKA_ALWAYS_SENSITIVE, true))...)},
	{name: "create with CKA_NEVER_EXTRACTABLE", do: creating(append(aesOf(key16), attr(pkcs11.CKA_NEVER_EXTRACTABLE, true))...)},
	{name: "create with CKA_KEY_GEN_MECHANISM", do: creating(append(aesOf(key16), attr(pkcs11.CKA_KEY_GEN_MECHANISM, 1))...)},
	{name: "create with CKA_VALUE_LEN", do: creating(append(aesOf(key16), attr(pkcs11.CKA_VALUE_LEN, 16))...)},
	{name: "create with CKA_TRUSTED as user", do: creating(append(aesOf(key16), attr(pkcs11.CKA_TRUSTED, true))...)},
	{name: "create with CKA_WRAP_WITH_TRUSTED", do: creating(append(aesOf(key16), attr(pkcs11.CKA_WRAP_WITH_TRUSTED, true))...)},
	{name: "create with CKA_COPYABLE off", do: creating(append(aesOf(key16), attr(pkcs11.CKA_COPYABLE, false))...)},
	{name: "create with CKA_ALLOWED_MECHANISMS", do: creating(append(aesOf(key16), attr(pkcs11.CKA_ALLOWED_MECHANISMS, pkcs11.CKM_AES_ECB))...)},
	{name: "create with wrap and decrypt", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_OK", roles}, do: creating(aesOf(key16, pkcs11.CKA_WRAP, pkcs11.CKA_DECRYPT)...)},
	{name: "create with unwrap and encrypt", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_OK", roles}, do: creating(aesOf(key16, pkcs11.CKA_UNWRAP, pkcs11.CKA_ENCRYPT)...)},
	{name: "create with the right check value", do: creating(append(aesOf(key16, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_CHECK_VALUE, zeroBlock(key16)))...)},
	{name: "create with the right check value, no encryption", do: creating(append(aesOf(key16), attr(pkcs11.CKA_CHECK_VALUE, zeroBlock(key16)))...)},
	{name: "create with a wrong check value", do: creating(append(aesOf(key16, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_CHECK_VALUE, []byte{1, 2, 3}))...)},
	{name: "create with a check value of one byte", do: creating(append(aesOf(key16, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_CHECK_VALUE, []byte{1}))...)},
	{name: "create with an empty check value", do: creating(append(aesOf(key16), attr(pkcs11.CKA_CHECK_VALUE, []byte{}))...)},
	{name: "create data", do: creating(attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_VALUE, "x"), attr(pkcs11.CKA_APPLICATION, "a"), attr(pkcs11.CKA_OBJECT_ID, "o"))},
	{name: "create data that signs", do: creating(attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_SIGN, true))},
	{name: "create a public key", do: creating(rsaPublic(modulus())...)},
	{name: "create a public key without modulus", do: creating(rsaPublic(nil)[:2]...)},

	{name: "generate AES", do: generating(pkcs11.CKM_AES_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 32))...)},
	{name: "generate AES without length", do: generating(pkcs11.CKM_AES_KEY_GEN, stated()...)},
	{name: "generate AES of 20", do: generating(pkcs11.CKM_AES_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 20))...)},
	{name: "generate AES with a value", do: generating(pkcs11.CKM_AES_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 16), attr(pkcs11.CKA_VALUE, key16))...)},
	{name: "generate AES as data", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_ATTRIBUTE_VALUE_INVALID", named}, do: generating(pkcs11.CKM_AES_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 16), attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA))...)},
	{name: "generate AES as generic", do: generating(pkcs11.CKM_AES_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 16), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET))...)},
	{name: "generate generic", do: generating(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 20))...)},
	{name: "generate generic of nothing", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_TEMPLATE_INCOMPLETE", named}, do: generating(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 0))...)},
	{name: "generate generic as HMAC", meant: meant{"CKR_OK", "CKR_TEMPLATE_INCONSISTENT", wider}, do: generating(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 32), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_SHA256_HMAC))...)},
	{name: "generate by a mechanism that signs", do: generating(pkcs11.CKM_SHA256_HMAC, append(stated(), attr(pkcs11.CKA_VALUE_LEN, 16))...)},

	{name: "pair", do: pairing([]*pkcs11.Attribute{bits1024}, nil)},
	{name: "pair with its exponent", do: pairing([]*pkcs11.Attribute{bits1024, attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})}, nil)},
	{name: "pair with exponent 3", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_OK", strict}, do: pairing([]*pkcs11.Attribute{bits1024, attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{3})}, nil)},
	{name: "pair without size", do: pairing(nil, nil)},
	{name: "pair of 256 bits", meant: meant{"CKR_KEY_SIZE_RANGE", "CKR_GENERAL_ERROR", named}, do: pairing([]*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS_BITS, 256)}, nil)},
	{name: "pair of 100000 bits", meant: meant{"CKR_KEY_SIZE_RANGE", "CKR_GENERAL_ERROR", named}, do: pairing([]*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS_BITS, 100000)}, nil)},
	{name: "pair, public wraps and private decrypts", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_OK", roles}, do: pairing([]*pkcs11.Attribute{bits1024, attr(pkcs11.CKA_WRAP, true)}, on(pkcs11.CKA_DECRYPT))},
	{name: "pair with a modulus in the public template", do: pairing([]*pkcs11.Attribute{bits1024, attr(pkcs11.CKA_MODULUS, key16)}, nil)},
	{name: "pair with a secret class", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_ATTRIBUTE_VALUE_INVALID", named}, do: pairing([]*pkcs11.Attribute{bits1024, attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY)}, nil)},
}

// modulus is some odd number of 1024 bits.
func modulus() []byte { return append([]byte{0xc1}, bytes.Repeat([]byte{0x35}, 127)...) }

func rsaPublic(n []byte) []*pkcs11.Attribute {
	return []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
		attr(pkcs11.CKA_MODULUS, n), attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), attr(pkcs11.CKA_PRIVATE, false)}
}

// nested puts a template inside an attribute for the time of do.
func nested(typ uint, inner []*pkcs11.Attribute, do func(a *pkcs11.Attribute) string) string {
	var p runtime.Pinner
	defer p.Unpin()
	return do(attr(typ, cryptoki.PinTemplate(&p, inner)))
}

package store

import (
	"slices"

	"github.com/miekg/pkcs11"
)

func attribute(typ uint, value any) *pkcs11.Attribute { return pkcs11.NewAttribute(typ, value) }

// made is a template of a session key: sensitive, with the given uses and no others.
func made(keyType uint, extractable bool, uses ...uint) []*pkcs11.Attribute {
	template := []*pkcs11.Attribute{
		attribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attribute(pkcs11.CKA_KEY_TYPE, keyType),
		attribute(pkcs11.CKA_TOKEN, false), attribute(pkcs11.CKA_PRIVATE, true),
		attribute(pkcs11.CKA_SENSITIVE, true), attribute(pkcs11.CKA_EXTRACTABLE, extractable),
		attribute(pkcs11.CKA_COPYABLE, false),
	}
	for _, use := range usages {
		template = append(template, attribute(use, slices.Contains(uses, use)))
	}
	return template
}

// usages of secret keys. A template that leaves one out gets what the token likes.
var usages = []uint{
	pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY,
	pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE,
}

// changed is a template with one attribute at another value.
func changed(template []*pkcs11.Attribute, typ uint, value any) []*pkcs11.Attribute {
	out := []*pkcs11.Attribute{attribute(typ, value)}
	for _, a := range template {
		if a.Type != typ {
			out = append(out, a)
		}
	}
	return out
}

var (
	// noCheckValue in a template keeps a token from publishing a part of the key's hash.
	noCheckValue = attribute(pkcs11.CKA_CHECK_VALUE, []byte{})
	// fixed stands last: SoftHSM takes a template in its order, and changes nothing after it.
	fixed = attribute(pkcs11.CKA_MODIFIABLE, false)
)

// whole is a template with what a call needs beside it.
func whole(template []*pkcs11.Attribute, more ...*pkcs11.Attribute) []*pkcs11.Attribute {
	return slices.Concat(template, more, []*pkcs11.Attribute{fixed})
}

package token_test

import (
	"testing"

	"github.com/miekg/pkcs11"
)

// An extractable key leaves under whatever a program brings, also a key whose value it
// knows. What only trusted keys wrap does not.
func TestExtractableKeysLeaveUnderAnyKey(t *testing.T) {
	g := memoryToken(t)
	known := g.create(aesOf(key16, cW))
	hidden := on(pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE)
	_, err := g.WrapKey(g.s, kw, known, g.create(secretKey(pkcs11.CKK_AES, key32, hidden)))
	wants(t, "an extractable key", err, 0)
	_, err = g.WrapKey(g.s, kw, known, g.create(secretKey(pkcs11.CKK_AES, key32, append(hidden, on(pkcs11.CKA_WRAP_WITH_TRUSTED)...))))
	wants(t, "one that only trusted keys wrap", err, pkcs11.CKR_KEY_NOT_WRAPPABLE)
}

// A value that is unwrapped twice is two keys, with usages that one could not have
// together. The unwrap template of the unwrapping key gives both the same.
func TestConflictsAreKeptPerObject(t *testing.T) {
	g := memoryToken(t)
	twice := func(by []*pkcs11.Attribute) error {
		h := g.create(by)
		aes := []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)}
		_, err := g.UnwrapKey(g.s, kw, h, wrapped(key16, key32), append(aes, on(cW)...))
		check(t, err)
		return second(g.UnwrapKey(g.s, kw, h, wrapped(key16, key32), append(aes, on(cD)...)))
	}
	wants(t, "WRAP, then DECRYPT", twice(aesOf(key16, cU)), 0)
	nested(pkcs11.CKA_UNWRAP_TEMPLATE, []*pkcs11.Attribute{off(cD)}, func(a *pkcs11.Attribute) string {
		wants(t, "under a template without DECRYPT", twice(append(aesOf(key16, cU), a)), pkcs11.CKR_TEMPLATE_INCONSISTENT)
		return ""
	})
}

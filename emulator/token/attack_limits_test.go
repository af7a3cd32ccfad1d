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

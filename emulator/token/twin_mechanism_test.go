package token_test

import (
	"bytes"

	"github.com/miekg/pkcs11"
)

// key64 is long enough for SoftHSM's HMACs.
var key64 = bytes.Repeat([]byte{0x64}, 64)

func digesting(mech uint) func(g *ground) string {
	return func(g *ground) string {
		if err := g.DigestInit(g.s, plain(mech)); err != nil {
			return "init " + says(err)
		}
		return gives(g.Digest(g.s, []byte("message")))
	}
}

// mechanismScenarios has one row for each mechanism that SoftHSM has too and that no
// other table uses.
var mechanismScenarios = []scenario{
	{name: "SHA-1", do: digesting(pkcs11.CKM_SHA_1)},
	{name: "SHA-224", do: digesting(pkcs11.CKM_SHA224)},
	{name: "SHA-384", do: digesting(pkcs11.CKM_SHA384)},
	{name: "SHA-3, 256 bits", meant: meant{"32 bytes", "init CKR_MECHANISM_INVALID", wider}, do: digesting(pkcs11.CKM_SHA3_256)},
	{name: "HMAC SHA-224", do: signing(genericOf(key64, cS), pkcs11.CKM_SHA224_HMAC, "message")},
	{name: "HMAC SHA-384", do: signing(genericOf(key64, cS), pkcs11.CKM_SHA384_HMAC, "message")},
}

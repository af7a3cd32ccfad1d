package token_test

import (
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// The legacy rows bring mechanisms; of the rules about keys they change none.
func TestLegacyKeepsTheRules(t *testing.T) {
	g := legacyToken(t)
	pad := with(pkcs11.CKM_AES_CBC_PAD, iv16)
	blob, err := g.WrapKey(g.s, pad, g.create(aesOf(key16, cW)), g.create(genericOf(key32)))
	check(t, err)
	h, err := g.UnwrapKey(g.s, pad, g.create(aesOf(key16, cU)), blob, unwrapped(pkcs11.CKK_GENERIC_SECRET))
	if got := g.valueOf(h, err); brief(got) != "32 bytes" {
		t.Errorf("unwrapped by CBC with padding: %s", got)
	}
	_, err = g.CreateObject(g.s, aesOf(key16, cW, cD))
	wants(t, "WRAP and DECRYPT", err, pkcs11.CKR_TEMPLATE_INCONSISTENT)

	base := g.create(aesOf(key16, cW, cDrv, pkcs11.CKA_SENSITIVE))
	for name, set := range map[string][]uint{
		"XOR to a key that can leave":   {pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE},
		"XOR to a key that decrypts":    {pkcs11.CKA_SENSITIVE, cD},
		"XOR to a key that can be read": {},
	} {
		_, err := g.xorZeros(base, child(pkcs11.CKK_AES, 16, set...))
		wants(t, name, err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	twin, err := g.xorZeros(base, child(pkcs11.CKK_AES, 16, pkcs11.CKA_SENSITIVE))
	check(t, err)
	wants(t, "DECRYPT for it later", g.SetAttributeValue(g.s, twin, []*pkcs11.Attribute{attr(cD, true)}), pkcs11.CKR_TEMPLATE_INCONSISTENT)
}

func (g *ground) xorZeros(base pkcs11.ObjectHandle, child []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	var p runtime.Pinner
	defer p.Unpin()
	return g.DeriveKey(g.s, with(pkcs11.CKM_XOR_BASE_AND_DATA, cryptoki.PinDerivationData(&p, make([]byte, 16))), base, child)
}

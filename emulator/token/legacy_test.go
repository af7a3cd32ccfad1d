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

// A key that cannot be read is in a derived key whole: cut to one byte, or to one beside
// bytes that are known, it would be guessed, and told by the check value.
func TestNoKeyIsCutToPieces(t *testing.T) {
	g := legacyToken(t)
	derive := func(mech uint, base pkcs11.ObjectHandle, data []byte, n int) (pkcs11.ObjectHandle, error) {
		var p runtime.Pinner
		defer p.Unpin()
		generic := child(pkcs11.CKK_GENERIC_SECRET, n, cDrv, pkcs11.CKA_SENSITIVE)
		return g.DeriveKey(g.s, with(mech, cryptoki.PinDerivationData(&p, data)), base, generic)
	}
	bit := func(n uint) []byte { return attr(0, n).Value }
	for name, base := range map[string]pkcs11.ObjectHandle{"sensitive": g.drawn(cDrv, pkcs11.CKA_SENSITIVE), "not extractable": g.drawn(cDrv)} {
		longer := g.must(derive(pkcs11.CKM_CONCATENATE_DATA_AND_BASE, base, make([]byte, 13), 13+32))
		wants(t, name+": one byte", second(derive(pkcs11.CKM_XOR_BASE_AND_DATA, base, make([]byte, 1), 1)), pkcs11.CKR_KEY_SIZE_RANGE)
		wants(t, name+": 14 bytes", second(derive(pkcs11.CKM_XOR_BASE_AND_DATA, base, make([]byte, 14), 14)), pkcs11.CKR_KEY_SIZE_RANGE)
		wants(t, name+": a byte and 13 that are known", second(derive(pkcs11.CKM_XOR_BASE_AND_DATA, longer, make([]byte, 14), 14)), pkcs11.CKR_KEY_SIZE_RANGE)
		wants(t, name+": all, cut", second(derive(pkcs11.CKM_CONCATENATE_DATA_AND_BASE, base, make([]byte, 13), 14)), pkcs11.CKR_KEY_SIZE_RANGE)
		_, err := g.DeriveKey(g.s, with(pkcs11.CKM_EXTRACT_KEY_FROM_KEY, bit(0)), longer, child(pkcs11.CKK_GENERIC_SECRET, 14, pkcs11.CKA_SENSITIVE))
		wants(t, name+": extracted", err, pkcs11.CKR_KEY_SIZE_RANGE)
		wants(t, name+": whole", second(derive(pkcs11.CKM_XOR_BASE_AND_DATA, base, make([]byte, 32), 32)), 0)
	}
}

func (g *ground) xorZeros(base pkcs11.ObjectHandle, child []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	var p runtime.Pinner
	defer p.Unpin()
	return g.DeriveKey(g.s, with(pkcs11.CKM_XOR_BASE_AND_DATA, cryptoki.PinDerivationData(&p, make([]byte, 16))), base, child)
}

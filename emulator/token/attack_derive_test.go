package token_test

import (
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// A key that is derived with its base key in it may be the base key once more, so that the
// two, and all that are made of one, are one key where usages conflict (Clulow 2003). Each
// row is a way to spread a conflict over them; its last step must be refused.
func TestConflictsAcrossADerivation(t *testing.T) {
	g := legacyToken(t)
	derive := func(base pkcs11.ObjectHandle, usages ...uint) (pkcs11.ObjectHandle, error) {
		return g.xorZeros(base, child(pkcs11.CKK_AES, 16, append(usages, pkcs11.CKA_SENSITIVE)...))
	}
	set := func(h pkcs11.ObjectHandle, usage uint) error {
		return g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(usage, true)})
	}
	fresh := func(set ...uint) pkcs11.ObjectHandle { return g.create(aesOf(random(16), append(set, cDrv)...)) }
	must := func(h pkcs11.ObjectHandle, err error) pkcs11.ObjectHandle { t.Helper(); check(t, err); return h }
	for name, last := range map[string]func() error{
		"the base key gains what conflicts with its child": func() error {
			base := fresh()
			must(derive(base, cW))
			return set(base, cD)
		},
		"it gains the usage after the child is gone": func() error {
			base := fresh()
			check(t, g.DestroyObject(g.s, must(derive(base, cW))))
			return set(base, cD)
		},
		"two children of one key": func() error {
			base := fresh()
			must(derive(base, cW))
			return second(derive(base, cD))
		},
		"a child of a child": func() error {
			base := fresh()
			must(derive(must(derive(base, cDrv)), cD))
			return set(base, cW)
		},
		"a child of a copy": func() error {
			base := fresh()
			copied, err := g.CopyObject(g.s, base, nil)
			must(derive(must(copied, err), cD))
			return set(base, cW)
		},
		"what is left when a longer child is cut": func() error {
			var p runtime.Pinner
			defer p.Unpin()
			longer := with(pkcs11.CKM_CONCATENATE_BASE_AND_DATA, cryptoki.PinDerivationData(&p, random(16)))
			both, err := g.DeriveKey(g.s, longer, fresh(cW, pkcs11.CKA_EXTRACTABLE), child(pkcs11.CKK_AES, 32, cDrv, pkcs11.CKA_EXTRACTABLE))
			return second(g.xorZeros(must(both, err), child(pkcs11.CKK_AES, 16, cD)))
		},
		"a child of a key that was drawn here": func() error {
			drawn := g.must(g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(on(cW, cDrv), attr(pkcs11.CKA_VALUE_LEN, 16))))
			return second(derive(drawn, cD))
		},
		"a child of what has the usage that conflicts": func() error { return second(derive(fresh(cW), cD)) },
	} {
		wants(t, name, last(), pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	base := fresh(cW)
	wants(t, "the usage of the base key", second(derive(base, cW)), 0)
	wants(t, "one that does not conflict", second(derive(base, cS)), 0)
	wants(t, "which the base key may have too", set(base, cS), 0)
	copied, err := g.CopyObject(g.s, base, nil)
	wants(t, "what a copy was given", second(derive(must(copied, err), cW)), 0)
}

// Children of one derivation that grow byte by byte would tell a secret for 256 guesses
// each; a readable base key has nothing to lose.
func TestSecretChildrenAreNotShort(t *testing.T) {
	g := memoryToken(t)
	for _, c := range []struct {
		name string
		base []uint
		n    int
		code uint
	}{
		{"a byte of a sensitive key", []uint{pkcs11.CKA_SENSITIVE}, 1, pkcs11.CKR_KEY_SIZE_RANGE},
		{"13 bytes", []uint{pkcs11.CKA_SENSITIVE}, 13, pkcs11.CKR_KEY_SIZE_RANGE},
		{"14 bytes", []uint{pkcs11.CKA_SENSITIVE}, 14, 0},
		{"a byte of a readable key", []uint{pkcs11.CKA_EXTRACTABLE}, 1, 0},
	} {
		base := g.create(secretKey(pkcs11.CKK_AES, random(32), on(append(c.base, cDrv)...)))
		wants(t, c.name, second(g.derive(base, random(32), child(pkcs11.CKK_GENERIC_SECRET, c.n, pkcs11.CKA_SENSITIVE)...)), c.code)
	}
}

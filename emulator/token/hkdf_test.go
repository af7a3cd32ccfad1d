package token_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"testing"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// expanding is HKDF with SHA-256, both halves, without a salt.
func expanding(p *runtime.Pinner, mech uint, info []byte) []*pkcs11.Mechanism {
	p.Pin(&info[0])
	var param []byte
	for _, w := range []uint64{0x0101, pkcs11.CKM_SHA256, 1, 0, 0, 0, uint64(uintptr(unsafe.Pointer(&info[0]))), uint64(len(info))} {
		param = binary.NativeEndian.AppendUint64(param, w)
	}
	return with(mech, param)
}

// The key type of HKDF is made, and derives keys and data that Go derives too.
func TestHKDFKeysAndData(t *testing.T) {
	g := memoryToken(t)
	var p runtime.Pinner
	defer p.Unpin()
	base, err := g.GenerateKey(g.s, plain(mechanism.CKM_HKDF_KEY_GEN), append(on(cDrv, pkcs11.CKA_EXTRACTABLE), attr(pkcs11.CKA_VALUE_LEN, 48)))
	check(t, err)
	secret, err := g.read(base, pkcs11.CKA_VALUE)
	check(t, err)
	want, err := hkdf.Key(sha256.New, secret, nil, "info", 20)
	check(t, err)
	key, err := g.DeriveKey(g.s, expanding(&p, mechanism.CKM_HKDF_DERIVE, []byte("info")), base, child(pkcs11.CKK_GENERIC_SECRET, 20))
	check(t, err)
	object, err := g.DeriveKey(g.s, expanding(&p, mechanism.CKM_HKDF_DATA, []byte("info")), base,
		[]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_VALUE_LEN, 20), attr(pkcs11.CKA_APPLICATION, "test")})
	check(t, err)
	for name, h := range map[string]pkcs11.ObjectHandle{"key": key, "data": object} {
		if got, err := g.read(h, pkcs11.CKA_VALUE); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	_, err = g.GenerateKey(g.s, plain(mechanism.CKM_HKDF_KEY_GEN), on(cDrv))
	wants(t, "a key of no length", err, pkcs11.CKR_TEMPLATE_INCOMPLETE)
}

// Data is read by anybody who sees it, so a key that is sensitive gives none, nor do two of
// which one is.
func TestHKDFDataTellsNoSecret(t *testing.T) {
	g := memoryToken(t)
	var p runtime.Pinner
	defer p.Unpin()
	m := expanding(&p, mechanism.CKM_HKDF_DATA, []byte("info"))
	open, sensitive := g.create(genericOf(key32, cDrv)), g.create(genericOf(key16, cDrv, pkcs11.CKA_SENSITIVE))
	salted := expanding(&p, mechanism.CKM_HKDF_DATA, []byte("info"))
	binary.NativeEndian.PutUint64(salted[0].Parameter[16:], 4) // the salt is a key
	binary.NativeEndian.PutUint64(salted[0].Parameter[40:], uint64(sensitive))
	length := attr(pkcs11.CKA_VALUE_LEN, 20)
	for name, c := range map[string]struct {
		m        []*pkcs11.Mechanism
		base     pkcs11.ObjectHandle
		template []*pkcs11.Attribute
		code     uint
	}{
		"of a readable key":         {m, open, []*pkcs11.Attribute{length}, 0},
		"of a sensitive one":        {m, sensitive, []*pkcs11.Attribute{length}, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		"salted by a sensitive one": {salted, open, []*pkcs11.Attribute{length}, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		"of no length":              {m, open, nil, pkcs11.CKR_TEMPLATE_INCOMPLETE},
		"of two lengths":            {m, open, []*pkcs11.Attribute{length, length}, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
		"of half a length":          {m, open, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, "four")}, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		"with a value":              {m, open, []*pkcs11.Attribute{length, attr(pkcs11.CKA_VALUE, "value")}, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
		"as a key":                  {m, open, []*pkcs11.Attribute{length, attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY)}, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		"with nothing in its place": {m, open, []*pkcs11.Attribute{length, nil}, pkcs11.CKR_ARGUMENTS_BAD},
	} {
		_, err := g.DeriveKey(g.s, c.m, c.base, c.template)
		wants(t, name, err, c.code)
	}
}

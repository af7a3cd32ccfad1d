package cryptoki_test

import (
	"bytes"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestECDHParameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	shared, public := []byte("shared"), bytes.Repeat([]byte{4}, 65)
	want := cryptoki.ECDH{KDF: pkcs11.CKD_SHA256_KDF, Shared: shared, Public: public}
	for name, param := range map[string]any{
		"miekg": pkcs11.NewECDH1DeriveParams(pkcs11.CKD_SHA256_KDF, shared, public),
		"C":     raw(&p, pkcs11.CKD_SHA256_KDF, len(shared), shared, len(public), public),
	} {
		if got, err := cryptoki.ECDHParameter(pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, param)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, param := range map[string]any{
		"no parameter":           nil,
		"no public key":          raw(&p, pkcs11.CKD_NULL, 0, 0, 0, 0),
		"a length alone":         raw(&p, pkcs11.CKD_NULL, 0, 0, 65, 0),
		"a public key too long":  raw(&p, pkcs11.CKD_NULL, 0, 0, 1<<30, public),
		"a word too few":         raw(&p, pkcs11.CKD_NULL, 0, 0, len(public)),
		"miekg, no public key":   pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, nil),
		"miekg, far too long":    pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, make([]byte, 1<<12)),
		"miekg, shared too long": pkcs11.NewECDH1DeriveParams(pkcs11.CKD_SHA1_KDF, make([]byte, 1<<20), public),
		"nil":                    (*pkcs11.ECDH1DeriveParams)(nil),
		"another kind":           pkcs11.NewOAEPParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 0, nil),
	} {
		_, err := cryptoki.ECDHParameter(pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, param))
		isInvalid(t, name, err)
	}
}

func TestEDDSAParameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	context := []byte("context")
	for name, c := range map[string]struct {
		param any
		want  cryptoki.EDDSA
	}{
		"none":    {nil, cryptoki.EDDSA{}},
		"empty":   {raw(&p, 0, 0, 0), cryptoki.EDDSA{}},
		"prehash": {raw(&p, 1, 0, 0), cryptoki.EDDSA{Prehash: true}},
		"context": {raw(&p, 0, len(context), context), cryptoki.EDDSA{Context: context}},
	} {
		if got, err := cryptoki.EDDSAParameter(pkcs11.NewMechanism(0x1057, c.param)); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, param := range map[string]any{
		"no boolean":         raw(&p, 2, 0, 0),
		"a word too few":     raw(&p, 0, 0),
		"a context too long": raw(&p, 0, 256, []byte(strings.Repeat("c", 256))),
		"another kind":       pkcs11.NewOAEPParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 0, nil),
	} {
		_, err := cryptoki.EDDSAParameter(pkcs11.NewMechanism(0x1057, param))
		isInvalid(t, name, err)
	}
}

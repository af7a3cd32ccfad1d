package cryptoki_test

import (
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestPSSParameter(t *testing.T) {
	var p runtime.Pinner
	want := cryptoki.PSS{Hash: pkcs11.CKM_SHA256, MGF: pkcs11.CKG_MGF1_SHA256, Salt: 32}
	for name, param := range map[string][]byte{
		"miekg": pkcs11.NewPSSParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 32),
		"C":     raw(&p, pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 32),
	} {
		if got, err := cryptoki.PSSParameter(pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, param)); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, param := range map[string]any{
		"no parameter": nil,
		"no salt":      raw(&p, pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256),
		"another kind": pkcs11.NewOAEPParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 0, nil),
	} {
		_, err := cryptoki.PSSParameter(pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, param))
		isInvalid(t, name, err)
	}
}

package cryptoki_test

import (
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestNumber(t *testing.T) {
	var p runtime.Pinner
	got, err := cryptoki.Number(pkcs11.NewMechanism(pkcs11.CKM_AES_CMAC_GENERAL, raw(&p, 8)))
	if err != nil || got != 8 {
		t.Errorf("%d, %v", got, err)
	}
	for name, param := range map[string]any{
		"no parameter": nil,
		"half a word":  make([]byte, 4),
		"two words":    raw(&p, 8, 8),
		"another kind": pkcs11.NewOAEPParams(0, 0, 0, nil),
	} {
		_, err := cryptoki.Number(pkcs11.NewMechanism(pkcs11.CKM_AES_CMAC_GENERAL, param))
		isInvalid(t, name, err)
	}
}

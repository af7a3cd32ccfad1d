package cryptoki_test

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestCTRParameter(t *testing.T) {
	var p runtime.Pinner
	block := []byte("sixteen bytes...")
	got, err := cryptoki.CTRParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_CTR, append(raw(&p, 32), block...)))
	if want := (cryptoki.CTR{CounterBits: 32, Block: [16]byte(block)}); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	for name, param := range map[string]any{
		"no parameter":  nil,
		"no counter":    append(raw(&p, 0), block...),
		"long counter":  append(raw(&p, 129), block...),
		"no block":      raw(&p, 32),
		"another kind":  pkcs11.NewGCMParams(block, nil, 128),
		"half a struct": append(raw(&p, 32), block[:8]...),
	} {
		_, err := cryptoki.CTRParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_CTR, param))
		isInvalid(t, name, err)
	}
}

func TestCCMParameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	nonce, aad := []byte("twelve bytes"), []byte("associated")
	got, err := cryptoki.CCMParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_CCM, raw(&p, 5, nonce, len(nonce), aad, len(aad), 16)))
	if want := (cryptoki.CCM{Data: 5, Nonce: nonce, AAD: aad, MAC: 16}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for name, param := range map[string]any{
		"no parameter":          nil,
		"no nonce":              raw(&p, 5, nil, 0, aad, len(aad), 16),
		"nonce without pointer": raw(&p, 5, nil, 12, aad, len(aad), 16),
		"data without end":      raw(&p, 5, nonce, len(nonce), aad, 1<<40, 16),
		"another kind":          pkcs11.NewGCMParams(nonce, nil, 128),
	} {
		_, err := cryptoki.CCMParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_CCM, param))
		isInvalid(t, name, err)
	}
}

package cryptoki_test

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestPBKDF2Parameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	salt, password := []byte("salt"), []byte("password")
	got, err := cryptoki.PBKDF2Parameter(pkcs11.NewMechanism(0, raw(&p, 1, salt, 4, 1000, 4, nil, 0, password, 8)))
	if want := (cryptoki.PBKDF2{PRF: 4, Iterations: 1000, Salt: salt, Password: password}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for name, param := range map[string]any{
		"no parameter":       nil,
		"no iteration":       raw(&p, 1, salt, 4, 0, 4, nil, 0, password, 8),
		"too many":           raw(&p, 1, salt, 4, 1<<25, 4, nil, 0, password, 8),
		"another source":     raw(&p, 2, salt, 4, 1000, 4, nil, 0, password, 8),
		"data for the PRF":   raw(&p, 1, salt, 4, 1000, 4, salt, 4, password, 8),
		"password too long":  raw(&p, 1, salt, 4, 1000, 4, nil, 0, password, 1025),
		"length of a page":   raw(&p, 1, salt, 4, 1000, 4, nil, 0, password, 4096),
		"length of 4 MiB":    raw(&p, 1, salt, 4, 1000, 4, nil, 0, password, 4<<20-1),
		"password at 16":     raw(&p, 1, salt, 4, 1000, 4, nil, 0, 16, 8),
		"salt without end":   raw(&p, 1, salt, 1<<40, 1000, 4, nil, 0, password, 8),
		"length of a length": raw(&p, 1, salt, 4, 1000, 4, nil, 0, password, raw(&p, 1<<20)),
	} {
		_, err := cryptoki.PBKDF2Parameter(pkcs11.NewMechanism(0, param))
		isInvalid(t, name, err)
	}
}

func TestHKDFParameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	salt, info := []byte("salt"), []byte("info")
	got, err := cryptoki.HKDFParameter(pkcs11.NewMechanism(0, raw(&p, 0x0101, pkcs11.CKM_SHA256, 2, salt, 4, 0, info, 4)))
	want := cryptoki.HKDF{Extract: true, Expand: true, Hash: pkcs11.CKM_SHA256, Salt: salt, Info: info}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for name, param := range map[string]any{
		"no parameter":     nil,
		"neither half":     raw(&p, 0, pkcs11.CKM_SHA256, 2, salt, 4, 0, info, 4),
		"no kind of salt":  raw(&p, 0x0101, pkcs11.CKM_SHA256, 3, salt, 4, 0, info, 4),
		"no handle":        raw(&p, 0x0101, pkcs11.CKM_SHA256, 4, salt, 4, 0, info, 4),
		"info without end": raw(&p, 0x0101, pkcs11.CKM_SHA256, 2, salt, 4, 0, info, 1<<40),
		"salt at 16":       raw(&p, 0x0101, pkcs11.CKM_SHA256, 2, 16, 4, 0, info, 4),
	} {
		_, err := cryptoki.HKDFParameter(pkcs11.NewMechanism(0, param))
		isInvalid(t, name, err)
	}
}

package cryptoki_test

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"testing"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// raw builds C structures word by word; a []byte becomes the pointer to it.
func raw(p *runtime.Pinner, words ...any) []byte {
	var out []byte
	for _, w := range words {
		v := uint64(0)
		switch w := w.(type) {
		case int:
			v = uint64(w)
		case uint:
			v = uint64(w)
		case []byte:
			if len(w) > 0 {
				p.Pin(&w[0])
				v = uint64(uintptr(unsafe.Pointer(&w[0])))
			}
		}
		out = append(out, unsafe.Slice((*byte)(unsafe.Pointer(&v)), 8)...)
	}
	return out
}

func TestGCMParameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	iv, aad := []byte("twelve bytes"), []byte("associated")
	want := cryptoki.GCM{IV: iv, AAD: aad, TagBits: 128}
	for name, param := range map[string]any{
		"miekg":              pkcs11.NewGCMParams(iv, aad, 128),
		"C":                  raw(&p, iv, len(iv), 8*len(iv), aad, len(aad), 128),
		"C, ulIvBits unused": raw(&p, iv, len(iv), 0, aad, len(aad), 128),
	} {
		got, err := cryptoki.GCMParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, param))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, param := range map[string]any{
		"no parameter":           nil,
		"another parameter":      pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, 0, nil),
		"nothing":                (*pkcs11.GCMParams)(nil),
		"no IV":                  pkcs11.NewGCMParams(nil, aad, 128),
		"negative tag":           pkcs11.NewGCMParams(iv, aad, -8),
		"long tag":               pkcs11.NewGCMParams(iv, aad, 136),
		"C, no IV":               raw(&p, nil, 0, 0, aad, len(aad), 128),
		"C, IV without pointer":  raw(&p, nil, 12, 96, aad, len(aad), 128),
		"C, IV too long":         raw(&p, iv, 257, 0, aad, len(aad), 128),
		"C, data without end":    raw(&p, iv, len(iv), 0, aad, ^uint(0), 128),
		"C, before version 2.40": raw(&p, iv, len(iv), aad, len(aad), 128),
	} {
		_, err := cryptoki.GCMParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, param))
		isInvalid(t, name, err)
	}
}

func TestOAEPParameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	label := []byte("label")
	const sha1, mgf = pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1
	for _, c := range []struct {
		name  string
		param any
		label []byte
	}{
		{"miekg", pkcs11.NewOAEPParams(sha1, mgf, pkcs11.CKZ_DATA_SPECIFIED, label), label},
		{"miekg, no label", pkcs11.NewOAEPParams(sha1, mgf, pkcs11.CKZ_DATA_SPECIFIED, nil), nil},
		{"C", raw(&p, sha1, mgf, pkcs11.CKZ_DATA_SPECIFIED, label, len(label)), label},
		{"C, no source", raw(&p, sha1, mgf, 0, nil, 0), nil},
	} {
		got, err := cryptoki.OAEPParameter(pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, c.param))
		want := cryptoki.OAEP{Hash: sha1, MGF: mgf, Label: c.label}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	for name, param := range map[string]any{
		"no parameter":           nil,
		"another parameter":      pkcs11.NewGCMParams(label, nil, 128),
		"nothing":                (*pkcs11.OAEPParams)(nil),
		"label of no source":     pkcs11.NewOAEPParams(sha1, mgf, 0, label),
		"C, label of no source":  raw(&p, sha1, mgf, 0, label, len(label)),
		"C, unknown source":      raw(&p, sha1, mgf, 2, nil, 0),
		"C, label without end":   raw(&p, sha1, mgf, 1, label, 1<<40),
		"C, label at address 16": raw(&p, sha1, mgf, 1, 16, 5),
	} {
		_, err := cryptoki.OAEPParameter(pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, param))
		isInvalid(t, name, err)
	}
}

func TestDerivationData(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	data := []byte("sixteen bytes...")
	m := pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, cryptoki.PinDerivationData(&p, data))
	got, err := cryptoki.DerivationData(m)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%q, %v", got, err)
	}
	if &got[0] == &data[0] {
		t.Error("the caller's bytes, not a copy")
	}
	for name, param := range map[string]any{
		"no parameter":    nil,
		"no data":         cryptoki.PinDerivationData(&p, nil),
		"without pointer": raw(&p, nil, 16),
		"without end":     raw(&p, data, 1<<32),
		"short structure": raw(&p, data)[:8],
		"another kind":    pkcs11.NewGCMParams(data, nil, 128),
	} {
		_, err := cryptoki.DerivationData(pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, param))
		isInvalid(t, name, err)
	}
}

func TestCBCDerivationData(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	iv, data := []byte("sixteen byte IV."), []byte("thirty-two bytes to be encrypted")
	param := append(bytes.Clone(iv), raw(&p, data, len(data))...)
	gotIV, got, err := cryptoki.CBCDerivationData(pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_ENCRYPT_DATA, param), 16)
	if err != nil || !bytes.Equal(gotIV, iv) || !bytes.Equal(got, data) {
		t.Errorf("%q, %q, %v", gotIV, got, err)
	}
	for name, param := range map[string]any{
		"no parameter": nil,
		"no data":      append(bytes.Clone(iv), raw(&p, nil, 0)...),
		"no IV":        raw(&p, data, len(data)),
	} {
		_, _, err := cryptoki.CBCDerivationData(pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_ENCRYPT_DATA, param), 16)
		isInvalid(t, name, err)
	}
}

// A structure that stands at an odd address is read all the same: C allows it
// on the platforms this runs on, and Go's checkptr must not mind.
func TestUnalignedStructure(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	data := []byte("data")
	odd := append([]byte{0}, cryptoki.PinDerivationData(&p, data)...)[1:]
	got, err := cryptoki.DerivationData(pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, odd))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPlainParameters(t *testing.T) {
	iv := make([]byte, 16)
	if got, err := cryptoki.IV(pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, iv), 16); err != nil || len(got) != 16 {
		t.Errorf("IV: %v, %v", got, err)
	}
	_, err := cryptoki.IV(pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, iv[:8]), 16)
	isInvalid(t, "short IV", err)
	if err := cryptoki.NoParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, nil)); err != nil {
		t.Error(err)
	}
	isInvalid(t, "bytes where none belong", cryptoki.NoParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, iv)))
	isInvalid(t, "parameters where none belong",
		cryptoki.NoParameter(pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, pkcs11.NewGCMParams(iv, nil, 128))))
}

func TestNestedTemplate(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	want := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		{Type: pkcs11.CKA_CHECK_VALUE},
	}
	got, err := cryptoki.NestedTemplate(cryptoki.PinTemplate(&p, want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	one := raw(&p, pkcs11.CKA_SENSITIVE, []byte{1}, 1)
	for name, value := range map[string][]byte{
		"half an attribute":    one[:23],
		"too many":             bytes.Repeat(one, 65),
		"value not available":  raw(&p, pkcs11.CKA_SENSITIVE, nil, ^uint(0)),
		"value without end":    raw(&p, pkcs11.CKA_SENSITIVE, []byte{1}, 1<<13),
		"value at address one": raw(&p, pkcs11.CKA_SENSITIVE, 1, 1),
	} {
		if _, err := cryptoki.NestedTemplate(value); !errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func isInvalid(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, pkcs11.Error(pkcs11.CKR_MECHANISM_PARAM_INVALID)) {
		t.Errorf("%s: %v", what, err)
	}
}

// FuzzParameters feeds structures whose pointers are good, or zero, and
// everything else is not: C, too, can only trust pointers.
func FuzzParameters(f *testing.F) {
	f.Add([]byte{}, uint64(0), uint64(0))
	f.Add(make([]byte, 16), uint64(4), uint64(0))
	f.Add(make([]byte, 32), uint64(16), uint64(2))
	f.Add(make([]byte, 40), uint64(5), uint64(3))
	f.Add(make([]byte, 48), uint64(12), uint64(1))
	f.Add(append(make([]byte, 24), 1, 0, 0, 0, 0, 0, 0, 0), uint64(12), uint64(1))
	f.Add(make([]byte, 64), uint64(12), uint64(3))
	f.Add(make([]byte, 72), uint64(12), uint64(7))
	for _, password := range []uint64{8, 1 << 12, 4<<20 - 1} {
		f.Add(append([]byte{1, 23: 0, 24: 100}, make([]byte, 47)...), password, uint64(7)) // PBKDF2, whole
	}
	f.Fuzz(func(t *testing.T, param []byte, length, at uint64) {
		const room = 1 << 12
		var p runtime.Pinner
		defer p.Unpin()
		param = bytes.Clone(param)
		for i := 0; i+8 <= len(param); i += 8 { // no word may pass for a pointer
			param[i+2], param[i+3], param[i+4], param[i+5], param[i+6], param[i+7] = 0, 0, 0, 0, 0, 0
			param[i+1] &= 0x0f
		}
		if i := int(at % 9 * 8); i+16 <= len(param) {
			copy(param[i:], raw(&p, make([]byte, room), int(length%room)))
		}
		if len(param) == 72 { // a password's length may be a word that is below any address
			copy(param[64:], raw(&p, int(length%(4<<20))))
		}
		for _, mechanism := range []any{param, pkcs11.NewGCMParams(param, param, int(length)),
			pkcs11.NewOAEPParams(uint(length), uint(at), uint(at%3), param), pkcs11.NewECDH1DeriveParams(uint(at), param, param)} {
			m := pkcs11.NewMechanism(0, mechanism)
			if g, err := cryptoki.GCMParameter(m); err == nil && (len(g.IV) == 0 || g.TagBits > 128) {
				t.Errorf("accepted %+v", g)
			}
			cryptoki.OAEPParameter(m)
			if d, err := cryptoki.DerivationData(m); err == nil && len(d) == 0 {
				t.Error("accepted no data")
			}
			cryptoki.CBCDerivationData(m, 16)
			cryptoki.CBCDerivationData(m, 8)
			cryptoki.CTRParameter(m)
			if c, err := cryptoki.CCMParameter(m); err == nil && len(c.Nonce) == 0 {
				t.Error("accepted no nonce")
			}
			cryptoki.IV(m, 16)
			cryptoki.Number(m)
			if p, err := cryptoki.PBKDF2Parameter(m); err == nil && p.Iterations == 0 {
				t.Error("accepted no iteration")
			}
			cryptoki.HKDFParameter(m)
			cryptoki.PSSParameter(m)
			if e, err := cryptoki.ECDHParameter(m); err == nil && len(e.Public) == 0 {
				t.Error("accepted no public key")
			}
			if e, err := cryptoki.EDDSAParameter(m); err == nil && len(e.Context) > 255 {
				t.Error("accepted a context too long")
			}
			for _, feedback := range []bool{false, true} {
				if k, err := cryptoki.KDFParameter(m, feedback); err == nil && len(k.Fields) > 16 {
					t.Error("accepted too many fields")
				}
			}
			cryptoki.NoParameter(m)
		}
		cryptoki.NestedTemplate(param)
	})
}

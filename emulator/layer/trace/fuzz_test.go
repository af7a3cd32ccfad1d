package trace_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// FuzzTemplate feeds attributes of any type and value: a record never shows a
// value, but of the attributes that say what a key is for.
func FuzzTemplate(f *testing.F) {
	f.Add(uint64(pkcs11.CKA_VALUE), []byte("canary of sixteen"))
	f.Add(uint64(pkcs11.CKA_CLASS), []byte{4, 0, 0, 0, 0, 0, 0, 0})
	f.Add(uint64(pkcs11.CKA_SENSITIVE), []byte{1})
	f.Add(uint64(pkcs11.CKA_LABEL), bytes.Repeat([]byte{0xff}, 100))
	f.Add(uint64(pkcs11.CKA_UNWRAP_TEMPLATE), make([]byte, 24))
	f.Fuzz(func(t *testing.T, typ uint64, value []byte) {
		var rec trace.Recorder
		m := trace.New("fuzz", silent{}, rec.Add)
		if _, err := m.CreateObject(1, []*pkcs11.Attribute{nil, {Type: uint(typ), Value: value}}); err != nil {
			t.Fatal(err)
		}
		a := rec.Since(0)[0].Template[0]
		if _, err := json.Marshal(a); err != nil || a.Len != len(value) {
			t.Errorf("recorded %+v, %v", a, err)
		}
		if a.Value != "" && a.Name != "CKA_LABEL" && len(value) != 1 && len(value) != 8 {
			t.Errorf("%s shows %q", a.Name, a.Value)
		}
		if secret := typ == pkcs11.CKA_VALUE || typ == pkcs11.CKA_PRIVATE_EXPONENT; secret && a.Value != "" {
			t.Errorf("%s shows %q", a.Name, a.Value)
		}
	})
}

package trace_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// silent answers every call it has; a trace needs no more of a token.
type silent struct{ cryptoki.Module }

func (silent) Login(pkcs11.SessionHandle, uint, string) error { return nil }

func (silent) CreateObject(pkcs11.SessionHandle, []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return 42, nil
}

func (silent) Sign(_ pkcs11.SessionHandle, message []byte) ([]byte, error) {
	return append([]byte("mac of "), message...), nil
}

func (silent) SignInit(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error {
	return pkcs11.Error(pkcs11.CKR_KEY_HANDLE_INVALID)
}

func TestRecordsSayWhatWasCalledAndKeepSecretsOut(t *testing.T) {
	const pin, value, message = "canary-pin-8231", "canary-value-0b1c", "canary-message-77"
	var rec trace.Recorder
	m := trace.New("eps", silent{}, rec.Add)

	if err := m.Login(3, pkcs11.CKU_USER, pin); err != nil {
		t.Fatal(err)
	}
	mark := rec.Mark()
	_, err := m.CreateObject(3, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, value),
		pkcs11.NewAttribute(pkcs11.CKA_CHECK_VALUE, []byte{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Sign(3, []byte(message)); err != nil {
		t.Fatal(err)
	}
	if err := m.SignInit(3, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}, 42); err == nil {
		t.Fatal("want the module's error")
	}

	all, err := json.Marshal(rec.Since(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{pin, value, message} {
		if strings.Contains(string(all), secret) {
			t.Errorf("the trace holds %q", secret)
		}
	}

	calls := rec.Since(mark)
	if len(calls) != 3 {
		t.Fatalf("%d records since the mark, want 3", len(calls))
	}
	create, sign, signInit := calls[0], calls[1], calls[2]
	if create.Function != "C_CreateObject" || create.Made[0] != 42 {
		t.Errorf("create: %+v", create)
	}
	wantTemplate := []trace.Attribute{
		{Name: "CKA_CLASS", Len: 8, Value: "4"}, {Name: "CKA_SENSITIVE", Len: 1, Value: "true"},
		{Name: "CKA_VALUE", Len: len(value)}, {Name: "CKA_CHECK_VALUE", Len: 0},
	}
	for i, want := range wantTemplate {
		if create.Template[i] != want {
			t.Errorf("attribute %d: %+v, want %+v", i, create.Template[i], want)
		}
	}
	if sign.In[0] != len(message) || sign.Out[0] != len(message)+7 {
		t.Errorf("sign: lengths %v, %v", sign.In, sign.Out)
	}
	if signInit.Mechanism != "CKM_SHA256_HMAC" || signInit.Return != "CKR_KEY_HANDLE_INVALID" {
		t.Errorf("sign init: %+v", signInit)
	}
}

// A call without its mechanism is a record that names none.
func TestNoMechanism(t *testing.T) {
	var rec trace.Recorder
	m := trace.New("eps", silent{}, rec.Add)
	for name, mechanism := range map[string][]*pkcs11.Mechanism{"no list": nil, "an empty list": {}, "nil in it": {nil}} {
		mark := rec.Mark()
		m.SignInit(3, mechanism, 42)
		if calls := rec.Since(mark); len(calls) != 1 || calls[0].Mechanism != "" {
			t.Errorf("%s: %+v", name, calls)
		}
	}
}

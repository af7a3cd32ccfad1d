package bring_test

import (
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance/bring"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/token"
)

// The key signs as its value does, on a token that takes it in clear and on one that does
// not, and wants to know its length.
func TestAKeyComesInEitherWay(t *testing.T) {
	var macs [2]string
	for i, as := range []string{"strict", "luna-7"} {
		m, sh := opened(t, as)
		key, err := bring.Key(m, 0, sh, []byte("twenty bytes of key!"), []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)})
		if err != nil {
			t.Fatalf("%s: %v", as, err)
		}
		if err := m.SignInit(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA_1_HMAC, nil)}, key); err != nil {
			t.Fatalf("%s: %v", as, err)
		}
		mac, err := m.Sign(sh, []byte("message"))
		if err != nil {
			t.Fatalf("%s: %v", as, err)
		}
		macs[i] = string(mac)
	}
	if macs[0] != macs[1] {
		t.Error("the two keys are not the same")
	}
}

func TestBothAnswersAreTold(t *testing.T) {
	m, sh := opened(t, "luna-7")
	_, err := bring.Key(m, 0, sh, make([]byte, 20), []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)})
	for _, code := range []uint{pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, pkcs11.CKR_WRAPPED_KEY_INVALID} {
		if !errors.Is(err, pkcs11.Error(code)) {
			t.Errorf("%v does not tell 0x%X", err, code)
		}
	}
}

func opened(t *testing.T, as string) (cryptoki.Module, pkcs11.SessionHandle) {
	t.Helper()
	p, err := personality.Load(as)
	if err != nil {
		t.Fatal(err)
	}
	behind, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "123456", Permit: p.Permits()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := personality.New(behind, p, personality.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	sh, err := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Login(sh, pkcs11.CKU_USER, "123456"); err != nil {
		t.Fatal(err)
	}
	return m, sh
}

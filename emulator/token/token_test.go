package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"bytes"

	"github.com/miekg/pkcs11"
)

func TestQuick(t *testing.T) {
	tk, err := New(Config{Label: "x", SOPIN: "12345678", UserPIN: "1234"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tk.Initialize(); err != nil {
		t.Fatal(err)
	}
	s, err := tk.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := tk.Login(s, pkcs11.CKU_USER, "1234"); err != nil {
		t.Fatal(err)
	}
	k, err := tk.CreateObject(s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE, []byte("key")),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := tk.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}, k); err != nil {
		t.Fatal(err)
	}
	got, err := tk.Sign(s, []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, []byte("key"))
	h.Write([]byte("data"))
	if !bytes.Equal(got, h.Sum(nil)) {
		t.Fatal("wrong MAC")
	}
}

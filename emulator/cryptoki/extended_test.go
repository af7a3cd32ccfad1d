package cryptoki_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// Of a key that hides its value, the other attributes can be had in the same call: from a
// loaded library, from the Go token, through a layer, and from a module of single calls.
func TestAttributeValuesComeBesideTheError(t *testing.T) {
	mine, err := token.New(token.Config{Label: "test", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		t.Fatal(err)
	}
	library := openSoftHSM(t)
	through := cryptoki.Around(mine, (*cryptoki.Call).Next)
	plain := cryptoki.Extend(struct{ cryptoki.Module }{mine})
	if err := mine.Initialize(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		name string
		cryptoki.Extended
	}{{"a library", library}, {"a layer", through}, {"a plain module", plain}} {
		t.Run(m.name, func(t *testing.T) {
			sh, key := hiddenKey(t, m)
			got, err := m.AttributeValues(sh, key, []uint{pkcs11.CKA_LABEL, pkcs11.CKA_VALUE, pkcs11.CKA_MODULUS, pkcs11.CKA_ID})
			if err == nil || !cryptoki.Partial(err) {
				t.Fatalf("%v, want a partial result", err)
			}
			if string(got[0].Value) != "hidden" || got[0].Unavailable || !got[1].Unavailable || !got[2].Unavailable || got[3].Unavailable {
				t.Errorf("got %+v", got)
			}
			if got, err := m.AttributeValues(sh, 99999, []uint{pkcs11.CKA_LABEL}); got != nil || !errors.Is(err, pkcs11.Error(pkcs11.CKR_OBJECT_HANDLE_INVALID)) {
				t.Errorf("of no object: %v, %v", got, err)
			}
			if _, err := m.SlotEvent(pkcs11.CKF_DONT_BLOCK); err == nil {
				t.Error("an event of a slot that did not change")
			}
		})
	}
}

func hiddenKey(t *testing.T, m cryptoki.Module) (pkcs11.SessionHandle, pkcs11.ObjectHandle) {
	t.Helper()
	slots, err := m.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	sh, err := m.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Login(sh, pkcs11.CKU_USER, "123456"); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		t.Fatal(err)
	}
	key, err := m.GenerateKey(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, "hidden"), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sh, key
}

// openSoftHSM gives SoftHSM with one token of its own.
func openSoftHSM(t *testing.T) cryptoki.Extended {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	m, err := cryptoki.Open("/usr/lib/softhsm/libsofthsm2.so")
	if err != nil {
		t.Fatalf("%v (make deps installs it)", err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Finalize(); m.Destroy() })
	if err := m.InitToken(0, "87654321", "test"); err != nil {
		t.Fatal(err)
	}
	slots, err := m.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	sh, err := m.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Login(sh, pkcs11.CKU_SO, "87654321"), m.InitPIN(sh, "123456"), m.Logout(sh)); err != nil {
		t.Fatal(err)
	}
	return m
}

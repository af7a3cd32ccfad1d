package personality_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/token"
)

func TestEachPersonalityLoads(t *testing.T) {
	all, err := personality.List()
	if err != nil || len(all) == 0 {
		t.Fatalf("%d personalities, %v", len(all), err)
	}
}

func TestAnUnknownKeyIsAnErrorWithItsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte("format: epsbench.personality/1\nname: x\ncolour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := personality.Load(path); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("got %v, want an error about line 3", err)
	}
}

func TestLuna7RefusesWithItsOwnReturnValues(t *testing.T) {
	p, err := personality.Load("luna-7")
	if err != nil {
		t.Fatal(err)
	}
	behind, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := personality.New(behind, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	s, err := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Login(s, pkcs11.CKU_USER, "123456"); err != nil {
		t.Fatal(err)
	}
	secret := pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY)
	generate := func(sensitive bool) error {
		_, err := m.GenerateKey(s, mechanism(pkcs11.CKM_AES_KEY_GEN), []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, sensitive)})
		return err
	}
	_, created := m.CreateObject(s, []*pkcs11.Attribute{secret})
	_, unwrapped := m.UnwrapKey(s, mechanism(pkcs11.CKM_AES_KEY_WRAP), 1, nil, []*pkcs11.Attribute{secret})
	_, info := m.GetMechanismInfo(0, mechanism(pkcs11.CKM_AES_KEY_WRAP_PAD))
	_, pbkd := m.GetMechanismInfo(0, mechanism(pkcs11.CKM_PKCS5_PBKD2))
	list, err := m.GetMechanismList(0)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d mechanisms, %v", len(list), err)
	}
	for _, listed := range list {
		if listed.Mechanism == pkcs11.CKM_PKCS5_PBKD2 || listed.Mechanism == pkcs11.CKM_AES_KEY_WRAP_PAD {
			t.Errorf("mechanism 0x%X is listed, and refused", listed.Mechanism)
		}
	}
	for name, row := range map[string]struct{ got, want error }{
		"a sensitive key":     {generate(true), nil},
		"a key in the open":   {generate(false), pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)},
		"a clear value":       {created, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)},
		"unwrap, no length":   {unwrapped, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)},
		"KEY_WRAP_PAD's info": {info, pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID)},
		"PKCS5_PBKD2's sizes": {pbkd, pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID)},
	} {
		if !errors.Is(row.got, row.want) {
			t.Errorf("%s: got %v, want %v", name, row.got, row.want)
		}
	}
}

func mechanism(m uint) []*pkcs11.Mechanism { return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)} }

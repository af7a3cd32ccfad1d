package rfc_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

const (
	softHSM = "/usr/lib/softhsm/libsofthsm2.so" // Debian: apt install softhsm2
	soPIN   = "87654321"
	userPIN = "12345678"
)

// softhsm is a fresh SoftHSM token, one for the whole process: the library reads its
// configuration once.
var softhsm conformance.Slot

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rfc")
	if err == nil {
		softhsm, err = freshSoftHSM(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "SoftHSM:", err)
		os.Exit(1)
	}
	code := m.Run()
	softhsm.Module.Finalize()
	os.RemoveAll(dir)
	os.Exit(code)
}

func freshSoftHSM(dir string) (conformance.Slot, error) {
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600); err != nil {
		return conformance.Slot{}, err
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	m, err := cryptoki.Open(softHSM)
	if err != nil {
		return conformance.Slot{}, err
	}
	if err := m.Initialize(); err != nil {
		return conformance.Slot{}, err
	}
	return initialised(m)
}

// initialised makes a token with a user's PIN in the first slot.
func initialised(m cryptoki.Module) (conformance.Slot, error) {
	slots, err := m.GetSlotList(true)
	if err != nil {
		return conformance.Slot{}, err
	}
	if err := m.InitToken(slots[0], soPIN, "rfc"); err != nil {
		return conformance.Slot{}, err
	}
	if slots, err = m.GetSlotList(true); err != nil { // SoftHSM gives it another number
		return conformance.Slot{}, err
	}
	sh, err := m.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return conformance.Slot{}, err
	}
	defer m.CloseSession(sh)
	if err := m.Login(sh, pkcs11.CKU_SO, soPIN); err != nil {
		return conformance.Slot{}, err
	}
	if err := m.InitPIN(sh, userPIN); err != nil {
		return conformance.Slot{}, err
	}
	return conformance.Slot{Module: m, ID: slots[0], PIN: userPIN}, m.Logout(sh)
}

// module is a target of kind module: nothing but a slot.
type module struct{ slot conformance.Slot }

func (m module) Identity() conformance.Identity {
	return conformance.Identity{Kind: conformance.KindModule, Name: "module"}
}
func (m module) Capabilities() conformance.Capabilities {
	return conformance.Capabilities{conformance.CanCallModule: true}
}
func (m module) Close() error                                   { return nil }
func (m module) Slot(context.Context) (conformance.Slot, error) { return m.slot, nil }

// Package hsmtest gives tests a real token: SoftHSMv2 with a directory of its own.
//
//	func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		h := hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t))
//		…
//	}
package hsmtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// Library is SoftHSMv2 as Debian and Ubuntu install it.
const Library = "/usr/lib/softhsm/libsofthsm2.so"

// PIN is the user PIN of every token made here.
const PIN = "482915"

const soPIN = "31415926"

// Main runs the tests of a package with SOFTHSM2_CONF naming an empty directory:
// SoftHSM reads it once in the life of a process.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "softhsm")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "softhsm2.conf")
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("SOFTHSM2_CONF", conf)
	return m.Run()
}

var module = sync.OnceValues(func() (hsm.PKCS11, error) {
	m, err := hsm.Load(Library)
	if err != nil {
		return nil, err
	}
	return m, m.Initialize()
})

// Module is SoftHSMv2, loaded and initialised.
func Module(t testing.TB) *pkcs11.Ctx {
	t.Helper()
	m, err := module()
	if err != nil {
		t.Fatalf("%v (apt-get install softhsm2)", err)
	}
	return m.(*pkcs11.Ctx)
}

// Token makes a new token and says how to open it.
func Token(t testing.TB) hsm.Config {
	t.Helper()
	m := Module(t)
	label := "test-" + rand.Text()[:8]
	slot := emptySlot(t, m)
	must(t, m.InitToken(slot, soPIN, label))
	s, err := m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	must(t, m.Login(s, pkcs11.CKU_SO, soPIN))
	must(t, m.InitPIN(s, PIN))
	must(t, m.CloseSession(s))
	return hsm.Config{Label: label, PIN: reference.NewSecret([]byte(PIN))}
}

func emptySlot(t testing.TB, m *pkcs11.Ctx) uint {
	t.Helper()
	slots, err := m.GetSlotList(true)
	must(t, err)
	for _, slot := range slots {
		info, err := m.GetTokenInfo(slot)
		must(t, err)
		if info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			return slot
		}
	}
	t.Fatal("SoftHSM has no empty slot")
	return 0
}

// Open opens a token through m, which is Module or a layer around it.
func Open(t testing.TB, m hsm.PKCS11, cfg hsm.Config) *hsm.HSM {
	t.Helper()
	h, err := hsm.Open(context.Background(), m, cfg)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

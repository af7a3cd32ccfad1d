package outage_test

import (
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/outage"
	"github.com/epsbench/epsbench/emulator/token"
)

const pin = "482915"

// open gives a token behind a layer, its slot, and a session that is logged in.
func open(t *testing.T) (*outage.Layer, cryptoki.Module, uint, pkcs11.SessionHandle) {
	t.Helper()
	behind, err := token.New(token.Config{Label: "outage", SOPIN: "31415926", UserPIN: pin})
	must(t, err)
	l, m := outage.New(behind)
	must(t, m.Initialize())
	slots, err := m.GetSlotList(true)
	must(t, err)
	return l, m, slots[0], login(t, m, slots[0])
}

func login(t *testing.T, m cryptoki.Module, slot uint) pkcs11.SessionHandle {
	t.Helper()
	sh, err := m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	must(t, m.Login(sh, pkcs11.CKU_USER, pin))
	return sh
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func gives(t *testing.T, what string, err error, code uint) {
	t.Helper()
	if !errors.Is(err, pkcs11.Error(code)) {
		t.Errorf("%s: %v, want 0x%X", what, err, code)
	}
}

func TestAPulledTokenIsNowhereAndLosesItsSessions(t *testing.T) {
	l, m, slot, sh := open(t)
	back, err := l.Pull(slot)
	must(t, err)
	_, err = m.GenerateRandom(sh, 8)
	gives(t, "in a session", err, pkcs11.CKR_DEVICE_REMOVED)
	_, err = m.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	gives(t, "a new session", err, pkcs11.CKR_TOKEN_NOT_PRESENT)
	_, err = m.GetTokenInfo(slot)
	gives(t, "the token", err, pkcs11.CKR_TOKEN_NOT_PRESENT)
	if slots, err := m.GetSlotList(true); err != nil || len(slots) != 0 {
		t.Errorf("slots with a token: %v, %v", slots, err)
	}
	back()
	_, err = m.GenerateRandom(sh, 8)
	gives(t, "the old session", err, pkcs11.CKR_SESSION_HANDLE_INVALID)
	_, err = m.GenerateRandom(login(t, m, slot), 8)
	must(t, err)
}

func TestAClosedSessionTakesTheLoginWithIt(t *testing.T) {
	l, m, slot, sh := open(t)
	must(t, l.CloseSessions(slot))
	_, err := m.GetSessionInfo(sh)
	gives(t, "the session", err, pkcs11.CKR_SESSION_HANDLE_INVALID)
	login(t, m, slot) // which fails where somebody is logged in
}

func TestALogoutLeavesTheSessions(t *testing.T) {
	l, m, slot, sh := open(t)
	must(t, l.Logout(slot))
	info, err := m.GetSessionInfo(sh)
	must(t, err)
	if info.State != pkcs11.CKS_RW_PUBLIC_SESSION {
		t.Errorf("state %d", info.State)
	}
	must(t, m.Login(sh, pkcs11.CKU_USER, pin))
}

func TestASilentTokenAnswersLate(t *testing.T) {
	l, m, _, sh := open(t)
	back := l.Silence()
	drawn := make(chan error)
	begun := make(chan struct{})
	go func() {
		close(begun)
		_, err := m.GenerateRandom(sh, 8)
		drawn <- err
	}()
	<-begun
	select {
	case err := <-drawn:
		t.Errorf("a silent token has answered: %v", err)
	default:
	}
	back()
	back()
	must(t, <-drawn)
	_, err := m.GenerateRandom(sh, 8)
	must(t, err)
}

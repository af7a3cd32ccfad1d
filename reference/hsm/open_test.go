package hsm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

func TestErrorsOfOpenAreOneLineAndAHint(t *testing.T) {
	two := get(token.New(token.Config{Slots: 2, Label: "only", SOPIN: "31415926", UserPIN: hsmtest.PIN}))(t)
	empty := get(token.New(token.Config{}))(t)
	pin := reference.NewSecret([]byte(hsmtest.PIN))
	slot := uint(7)
	for _, tt := range []struct {
		name       string
		m          hsm.PKCS11
		cfg        hsm.Config
		says, hint string
	}{
		{"wrong PIN", two, hsm.Config{PIN: reference.NewSecret([]byte("000000"))}, "wrong PIN", "locks"},
		{"no token of that label", two, hsm.Config{Label: "other", PIN: pin}, `token "other": not found`, `"only"`},
		{"no such slot", two, hsm.Config{Slot: &slot, PIN: pin}, "slot 7: not found", `"only"`},
		{"no token at all", empty, hsm.Config{PIN: pin}, "not found", "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := hsm.Open(context.Background(), tt.m, tt.cfg)
			explained(t, err, tt.says, tt.hint)
		})
	}
}

func explained(t *testing.T, err error, says, text string) {
	t.Helper()
	var hint *reference.Hint
	if !errors.As(err, &hint) {
		t.Fatalf("no hint: %v", err)
	}
	if !strings.Contains(err.Error(), says) || !strings.Contains(hint.Text, text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v\n%s", err, hint.Text)
	}
	if strings.Contains(err.Error()+hint.Text, hsmtest.PIN) {
		t.Error("the PIN is in the error")
	}
}

func TestOneOfSeveralTokensMustBeNamed(t *testing.T) {
	m := hsmtest.Module(t)
	first, second := hsmtest.Token(t), hsmtest.Token(t)
	_, err := hsm.Open(context.Background(), m, hsm.Config{PIN: first.PIN})
	explained(t, err, "not the only one", second.Label)
	h := hsmtest.Open(t, m, first)
	if h.Info().Label != first.Label {
		t.Errorf("opened %q", h.Info().Label)
	}
	// Both at once, through one library.
	must(t, hsmtest.Open(t, m, second).Healthy(t.Context()))
	must(t, h.Healthy(t.Context()))
}

func TestInfoNamesTheToken(t *testing.T) {
	m, cfg := newEmulator(t)
	info := hsmtest.Open(t, m, cfg).Info()
	if info.Label != "emulated" || info.Manufacturer != "epsbench" || info.Model != "emulator" ||
		!strings.Contains(info.Library, "emulator") || info.Serial == "" || info.Firmware != "1.0" {
		t.Errorf("%+v", info)
	}
}

func TestErrorsOfLoadAreOneLineAndAHint(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.so")
	_, err := hsm.Load(none)
	explained(t, err, "no such file", ".so")
	text := filepath.Join(t.TempDir(), "text.so")
	must(t, os.WriteFile(text, []byte("no library"), 0o600))
	_, err = hsm.Load(text)
	explained(t, err, "cannot be loaded", "ldd "+text)
}

package hsm_test

import (
	"context"
	"os"
	"testing"

	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }

// tokens is what every test runs on.
var tokens = []struct {
	name string
	make func(t testing.TB) (hsm.PKCS11, hsm.Config)
}{
	{"SoftHSM", func(t testing.TB) (hsm.PKCS11, hsm.Config) { return hsmtest.Module(t), hsmtest.Token(t) }},
	{"emulator", newEmulator},
}

func newEmulator(t testing.TB) (hsm.PKCS11, hsm.Config) {
	t.Helper()
	m, err := token.New(token.Config{Label: "emulated", SOPIN: "31415926", UserPIN: hsmtest.PIN})
	must(t, err)
	return m, hsm.Config{Label: "emulated", PIN: reference.NewSecret([]byte(hsmtest.PIN))}
}

// onEach runs a test on each token, opened.
func onEach(t *testing.T, test func(t *testing.T, m hsm.PKCS11, h *hsm.HSM)) {
	for _, tok := range tokens {
		t.Run(tok.name, func(t *testing.T) {
			m, cfg := tok.make(t)
			test(t, m, hsmtest.Open(t, m, cfg))
		})
	}
}

// do is HSM.Do where nothing may fail.
func do(t testing.TB, h *hsm.HSM, fn func(s *hsm.Session)) {
	t.Helper()
	must(t, h.Do(context.Background(), func(s *hsm.Session) error { fn(s); return nil }))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get is must for calls that give something.
func get[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

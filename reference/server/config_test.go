package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// file writes a configuration into a new directory.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "eps.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsAreThoseOfTheDesign(t *testing.T) {
	c, err := Load(file(t, "name: eps\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.KDF.Iterations != 100_000 || c.Token.PINDigits != 6 || c.Token.Suite != "HOTP-SHA256-6" ||
		c.Code.Digits != 11 || c.Code.Failures != 5 || c.Code.Validity != 24*time.Hour ||
		c.Activation.Required || c.Activation.Tries != 5 || c.Activation.Validity != 24*time.Hour ||
		c.Limits.BankBody != 64<<10 || c.Limits.SourceRate != 10 || c.Limits.SourceBurst != 50 {
		t.Errorf("%+v", c)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	path := file(t, "hsm: {module: lib/p11.so, pin_file: pin}\nlisteners: {operations: {address: \"unix:ops.sock\"}}\n")
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	if c.HSM.Module != dir+"/lib/p11.so" || c.HSM.PINFile != dir+"/pin" || c.Listeners.Operations.Address != "unix:"+dir+"/ops.sock" || c.Store.Path != dir+"/eps.db" {
		t.Errorf("%+v", c)
	}
	if c, err = Load(file(t, "hsm: {module: emulator}\n"), nil); err != nil || c.HSM.Module != "emulator" {
		t.Errorf("the name of a built-in module became %q, %v", c.HSM.Module, err)
	}
}

func TestVariablesOverrideTheFile(t *testing.T) {
	c, err := Load(file(t, "hsm: {label: one, pin_env: EPS_PIN}\n"), []string{"EPS_HSM_LABEL=two", "EPS_REGISTRATION_CODE_VALIDITY=1h", "EPS_PIN=1234"})
	if err != nil || c.HSM.Label != "two" || c.Code.Validity != time.Hour {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, text, environ, want string }{
		{"misspelt field", "hsm:\n  lable: x\n", "", `line 2: unknown field "lable"; did you mean "label"?`},
		{"misspelt variable", "name: eps\n", "EPS_HSM_LABLE=x", `EPS_HSM_LABLE overrides nothing; did you mean "EPS_HSM_LABEL"?`},
		{"guessable code", "registration_code: {digits: 4, failures: 5}\n", "", "registration_code.failures"},
		{"short PIN", "token: {pin_digits: 3}\n", "", "token.pin_digits"},
		{"operations for everyone", "listeners: {operations: {address: \"0.0.0.0:8444\"}}\n", "", "listeners.operations.address"},
		{"no such engine", "store: {engine: oracle}\n", "", "store.engine"},
		{"MariaDB without DSN", "store: {engine: mariadb}\n", "", "store.dsn"},
		{"no work", "kdf: {iterations: 0}\n", "", "kdf.iterations"},
		{"validity of nothing", "registration_code: {validity: 0s}\n", "", "registration_code.validity"},
		{"no such profile", "profile: strict\n", "", "profile"},
		{"activation without a ticket", "activation: {required: true}\nmpp: {versions: [1, 2]}\n", "", "activation.required: MPP v1"},
		{"activation in the literal profile", "activation: {required: true}\nprofile: st-2.6.1\n", "", "activation.required: the profile"},
		{"activation without OTPs", "activation: {required: true}\ntoken: {suite: \"OCRA-1:HOTP-SHA256-8:QH64-T30S\"}\n", "", "activation.required: a token"},
		{"many tries to activate", "activation: {tries: 6}\n", "", "activation.tries"},
		{"no try to activate", "activation: {tries: 0}\n", "", "activation.tries"},
		{"a ticket for ever", "activation: {validity: 2161h}\n", "", "activation.validity"},
		{"misspelt activation", "activation: {require: true}\n", "", `did you mean "required"`},
		{"name too long", "name: " + strings.Repeat("a", 65) + "\n", "", "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(file(t, c.text), []string{c.environ})
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestADSNBringsNoPassword(t *testing.T) {
	if _, err := (Store{DSN: "eps:hunter2@tcp(db)/eps"}).dsn(); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	t.Setenv("DB_PASSWORD", "hunter2")
	dsn, err := (Store{DSN: "eps@tcp(db)/eps", PasswordEnv: "DB_PASSWORD"}).dsn()
	if err != nil || !strings.HasPrefix(dsn, "eps:hunter2@tcp(db") {
		t.Errorf("got %q, %v", dsn, err)
	}
}

func TestSecretsComeFromOnePlace(t *testing.T) {
	t.Setenv("A_PIN", "1234")
	path := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(path, []byte("5678\r\nnot this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, variable, want string }{
		{path, "", "5678"}, {"", "A_PIN", "1234"}, {path, "A_PIN", ""}, {"", "", ""}, {"", "UNSET_PIN", ""}, {"/nowhere", "", ""},
	} {
		got, err := secret("PIN", c.file, c.variable)
		if string(got.Bytes()) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%+v: %q, %v", c, got.Bytes(), err)
		}
	}
}

// FuzzLoad: a configuration that is accepted passes its own check, whatever it says.
func FuzzLoad(f *testing.F) {
	f.Add([]byte("name: eps\nhsm: {slot: 3}\nstore: {engine: sqlite}\n"))
	f.Add([]byte("listeners: {bank: {address: \"unix:\"}}\n"))
	path := filepath.Join(f.TempDir(), "eps.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Load(path, nil); err == nil && c.Check() != nil {
			t.Errorf("accepted %q", text)
		}
	})
}

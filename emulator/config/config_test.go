package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/config"
)

const whole = `format: epsbench.emulator/1
backend: {token: memory}
slots:
  - {id: 5, label: eps, so_pin: {env: TEST_SO_PIN}, pin: {file: PINFILE}}
  - {id: 2}
trace: {file: TRACE}
`

func TestAFileOpensItsToken(t *testing.T) {
	dir := t.TempDir()
	pin, lines := filepath.Join(dir, "pin"), filepath.Join(dir, "trace")
	if err := os.WriteFile(pin, []byte("123456\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_SO_PIN", "87654321")
	c, err := config.Parse([]byte(strings.NewReplacer("PINFILE", pin, "TRACE", lines).Replace(whole)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Open(os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	sh, err := m.OpenSession(5, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Login(sh, pkcs11.CKU_USER, "123456"); err != nil {
		t.Error(err)
	}
	if info, err := m.GetTokenInfo(2); err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 {
		t.Errorf("slot 2: %+v, %v", info, err)
	}
	text, err := os.ReadFile(lines)
	if err != nil || !strings.Contains(string(text), "C_Login") || strings.Contains(string(text), "123456") {
		t.Errorf("trace %q, %v", text, err)
	}
}

func TestWhatIsWrongWithAFile(t *testing.T) {
	for _, tt := range []struct{ name, text, says string }{
		{"empty", "", "is empty"},
		{"another format", "format: other\nbackend: {token: memory}\n", `format is "other"`},
		{"an unknown key", "format: epsbench.emulator/1\nbackend: {token: memory}\ntraces: {}\n", `line 3: no key "traces" here: did you mean "trace"?`},
		{"an unknown key inside", "format: epsbench.emulator/1\nbackend:\n  tokens: memory\n", `line 3: no key "tokens" here: did you mean "token"?`},
		{"no backend", "format: epsbench.emulator/1\n", "either token"},
		{"two backends", "format: epsbench.emulator/1\nbackend: {token: memory, module: /x.so}\n", "either token"},
		{"slots of a module", "format: epsbench.emulator/1\nbackend: {module: /x.so}\nslots: [{id: 1}]\n", "a module has its own"},
		{"PINs without a label", "format: epsbench.emulator/1\nbackend: {token: memory}\nslots: [{id: 1, pin: {env: X}}]\n", "slot 1"},
		{"uids of no socket", "format: epsbench.emulator/1\nbackend: {token: memory}\ncontrol: {uids: [7]}\n", "want a socket"},
		{"needles that are off", "format: epsbench.emulator/1\nbackend: {token: memory}\ncontrol: {socket: /s}\nneedle: {shortest: 16}\n", "unsafe_needles"},
		{"needles that are everywhere", "format: epsbench.emulator/1\nbackend: {token: memory}\ncontrol: {socket: /s, unsafe_needles: true}\nneedle: {shortest: 2}\n", "8 bytes or more"},
		{"needles from nowhere", "format: epsbench.emulator/1\nbackend: {token: memory}\ncontrol: {socket: /s, unsafe_needles: true}\nneedle: {functions: [C_Sign]}\n", `"C_Sign"; one does from C_CopyObject`},
		{"a uid that is none", "format: epsbench.emulator/1\nbackend: {token: memory}\ncontrol: {socket: /s, uids: [-1]}\n", "line 3: uids: a number in the place of a whole number"},
		{"labels of no records", "format: epsbench.emulator/1\nbackend: {token: memory}\ntrace: {labels: true}\n", "labels of no records"},
		{"two documents", "format: epsbench.emulator/1\nbackend: {token: memory}\n---\na: 1\n", "more than one"},
		{"a trace that is a path", "format: epsbench.emulator/1\nbackend: {token: memory}\ntrace: /tmp/t\n", "line 3: trace: a text in the place of a group of keys, like {file: PATH}"},
		{"a PIN in the file", "format: epsbench.emulator/1\nbackend: {token: memory}\nslots: [{id: 1, label: x, pin: 1234}]\n", "line 3: pin: a number in the place of {env: NAME} or {file: PATH}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := config.Parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

func TestAPINThatIsNotThere(t *testing.T) {
	c, err := config.Parse([]byte("format: epsbench.emulator/1\nbackend: {token: memory}\nslots: [{id: 1, label: x, so_pin: {env: NOT_SET_ANYWHERE}, pin: {env: NOT_SET_ANYWHERE}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(os.LookupEnv); err == nil || !strings.Contains(err.Error(), "NOT_SET_ANYWHERE") {
		t.Errorf("got %v", err)
	}
}

func TestAFileWithFaults(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script.yaml")
	if err := os.WriteFile(script, []byte("name: late\nabout: late\nrules: [{when: {function: [C_GetSlotList]}, then: {no_slots: true}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse([]byte("format: epsbench.emulator/1\nbackend: {token: memory}\nfault: {scenario: " + script + ", seed: 3}\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Open(os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	if slots, err := m.GetSlotList(true); err != nil || len(slots) != 0 {
		t.Errorf("slots %v, %v: none should be seen", slots, err)
	}
	c.Fault.Scenario = "no-such"
	if _, err := c.Open(os.LookupEnv); err == nil || !strings.Contains(err.Error(), "no-such") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := config.Parse(text); err == nil && c.Format != config.Format {
			t.Errorf("took format %q", c.Format)
		}
	})
}

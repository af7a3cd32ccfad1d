package personality_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/token"
)

const head = "format: epsbench.personality/1\nname: mine\nwords: as I like it\n"

// file writes a personality with one rule.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const rule = "rules:\n  - {id: r, text: t, source: s, confidence: measured, "

func TestWhatIsWrongWithAFile(t *testing.T) {
	for _, tt := range []struct{ name, text, says string }{
		{"an unknown key", "format: epsbench.personality/1\nname: x\ncolour: red\n", "line 3"},
		{"two documents", head + "---\na: 1\n", "more than one document"},
		{"no words", "format: epsbench.personality/1\nname: x\n", "words"},
		{"a rule that does nothing", head + rule + "when: {function: [C_Sign]}}\n", "nothing happens"},
		{"no function", head + rule + "then: {return: CKR_DATA_INVALID}}\n", "which function"},
		{"a function that there is not", head + rule + "when: {function: [C_Sing]}, then: {return: CKR_OK}}\n", `no function "C_Sing"`},
		{"a return value that there is not", head + rule + "when: {function: [C_Sign]}, then: {return: CKR_NO}}\n", `no name "CKR_NO"`},
		{"a mechanism that there is not", head + rule + "when: {mechanism: [CKM_ROT13]}, then: {absent: true}}\n", `no name "CKM_ROT13"`},
		{"no mechanism", head + rule + "then: {absent: true}}\n", "which mechanism"},
		{"a word that there is not", head + rule + "then: {permit: [everything]}}\n", `no word "everything"`},
		{"a deed that there is not", head + rule + "then: {do: good}}\n", `no word "good"`},
		{"a field that there is not", head + rule + "then: {says: {colour: red}}}\n", `no field "colour"`},
		{"a value of no form", head + rule + "when: {function: [C_Sign]}, then: {set: {CKA_LABEL: [1]}}}\n", "CKA_LABEL is"},
		{"a probe without what it sees", head + rule + "probe: library, then: {permit: [legacy]}}\n", "both or none"},
		{"another confidence", head + strings.Replace(rule, "measured", "hoped", 1) + "then: {permit: [legacy]}}\n", "hoped"},
		{"a base that there is not", head + "extends: luna-8\n", `extends: no personality "luna-8" comes with the package`},
		{"itself as base", head + "extends: mine\n", `cannot extend itself; give it a name other than "mine"`},
		{"two rules of one id", head + rule + "then: {permit: [legacy]}}\n  - {id: r, text: t, source: s, confidence: measured, then: {permit: [legacy]}}\n", "two rules"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := personality.Load(file(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}

func TestANameThatThereIsNot(t *testing.T) {
	if _, err := personality.Load("luna-8"); !errors.Is(err, personality.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// A file may take a personality of the package, and say of a rule what it finds otherwise.
func TestAFileExtends(t *testing.T) {
	p, err := personality.Load(file(t, head+"extends: luna-7\nrules:\n  - {id: clear-secret, text: t, source: s, confidence: measured, when: {function: [C_CreateObject]}, then: {return: CKR_FUNCTION_FAILED}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t, p, personality.Options{})
	if _, err := s.CreateObject(s.sh, nil); !is(err, pkcs11.CKR_FUNCTION_FAILED) {
		t.Errorf("its own rule gives %v", err)
	}
	if _, err := s.GetMechanismInfo(0, mechanism(pkcs11.CKM_PKCS5_PBKD2)); !is(err, pkcs11.CKR_MECHANISM_INVALID) {
		t.Errorf("a rule of luna-7 gives %v", err)
	}
}

// What a rule answers for an attribute comes in both forms of C_GetAttributeValue: that of
// miekg, and that of libepsemu.so.
func TestAnAnswerComesInBothForms(t *testing.T) {
	p, err := personality.Load(file(t, head+rule+"when: {function: [C_GetAttributeValue]}, then: {answer: {CKA_LABEL: true}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t, p, personality.Options{})
	o, err := s.CreateObject(s.sh, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "mine")})
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := s.GetAttributeValue(s.sh, o, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
	if err != nil || string(attributes[0].Value) != "\x01" {
		t.Errorf("GetAttributeValue: %v, %v", attributes, err)
	}
	values, err := s.AttributeValues(s.sh, o, []uint{pkcs11.CKA_LABEL})
	if err != nil || string(values[0].Value) != "\x01" {
		t.Errorf("AttributeValues: %v, %v", values, err)
	}
}

// A session that there is not comes before what a rule refuses.
func TestARefusalOfASessionThatThereIsNot(t *testing.T) {
	p, err := personality.Load("luna-7")
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t, p, personality.Options{})
	secret := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY)}
	if _, err := s.CreateObject(s.sh+7, secret); !is(err, pkcs11.CKR_SESSION_HANDLE_INVALID) {
		t.Errorf("got %v", err)
	}
}

func TestSessionsAreLimited(t *testing.T) {
	p, err := personality.Load(file(t, head+rule+"then: {limit: {sessions: 3}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t, p, personality.Options{}) // the first
	for range 2 {
		if _, err := s.OpenSession(0, pkcs11.CKF_SERIAL_SESSION); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.OpenSession(0, pkcs11.CKF_SERIAL_SESSION); !is(err, pkcs11.CKR_SESSION_COUNT) {
		t.Errorf("the fourth: %v", err)
	}
	if err := s.CloseSession(s.sh); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenSession(0, pkcs11.CKF_SERIAL_SESSION); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
}

// Many at once get no more than there are.
func TestSessionsAreLimitedForManyAtOnce(t *testing.T) {
	p, err := personality.Load(file(t, head+rule+"then: {limit: {sessions: 5}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t, p, personality.Options{})
	var open atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, err := s.OpenSession(0, pkcs11.CKF_SERIAL_SESSION); err == nil {
				open.Add(1)
			}
		})
	}
	all.Wait()
	if open.Load() != 4 {
		t.Errorf("%d more sessions, want 4", open.Load())
	}
}

func TestAnIdleSessionEnds(t *testing.T) {
	p, err := personality.Load(file(t, head+rule+"then: {limit: {idle: 30s}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	s := opened(t, p, personality.Options{Now: func() time.Time { return now }})
	now = now.Add(29 * time.Second)
	if _, err := s.GetSessionInfo(s.sh); err != nil {
		t.Errorf("after 29 s: %v", err)
	}
	now = now.Add(30 * time.Second)
	if _, err := s.GetSessionInfo(s.sh); !is(err, pkcs11.CKR_SESSION_HANDLE_INVALID) {
		t.Errorf("after 30 s more: %v", err)
	}
}

// A rate spaces calls, only where it is asked for.
func TestARate(t *testing.T) {
	p, err := personality.Load(file(t, head+rule+"when: {function: [C_GenerateRandom]}, then: {limit: {rate: 10}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rates := range []bool{false, true} {
		var waited time.Duration
		now := time.Unix(1_800_000_000, 0)
		s := opened(t, p, personality.Options{
			Rates: rates, Now: func() time.Time { return now },
			Wait: func(d time.Duration) { waited, now = waited+d, now.Add(d) },
		})
		for range 5 {
			if _, err := s.GenerateRandom(s.sh, 4); err != nil {
				t.Fatal(err)
			}
		}
		if want := 500 * time.Millisecond; rates != (waited == want) {
			t.Errorf("with rates %v: waited %s", rates, waited)
		}
	}
}

// session is one on a token with a personality.
type session struct {
	cryptoki.Extended
	sh pkcs11.SessionHandle
}

func opened(t *testing.T, p *personality.Personality, o personality.Options) session {
	t.Helper()
	behind, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "123456", Permit: p.Permits()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := personality.New(behind, p, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	sh, err := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Login(sh, pkcs11.CKU_USER, "123456"); err != nil {
		t.Fatal(err)
	}
	return session{m, sh}
}

func is(err error, code uint) bool { return errors.Is(err, pkcs11.Error(code)) }

func mechanism(m uint) []*pkcs11.Mechanism { return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)} }

// What a rule can do that none of the package's own rules does: they are there for files.
func TestWhatFilesCanDo(t *testing.T) {
	secret := func(more ...*pkcs11.Attribute) []*pkcs11.Attribute {
		return append([]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32)}, more...)
	}
	label := pkcs11.NewAttribute(pkcs11.CKA_LABEL, "mine")
	wrapping := pkcs11.NewAttribute(pkcs11.CKA_WRAP, true)
	generate := func(s session, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		return s.GenerateKey(s.sh, mechanism(pkcs11.CKM_AES_KEY_GEN), temp)
	}
	encrypt := func(s session, sensitive bool) error {
		key, err := generate(s, secret(pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, sensitive)))
		if err != nil {
			return err
		}
		return s.EncryptInit(s.sh, mechanism(pkcs11.CKM_AES_ECB), key)
	}
	for name, tt := range map[string]struct {
		rule string
		try  func(s session) error
		want uint
	}{
		"an attribute that is true": {"when: {function: [C_GenerateKey], true: CKA_WRAP}, then: {return: CKR_FUNCTION_FAILED}",
			func(s session) error { _, err := generate(s, secret(wrapping)); return err }, pkcs11.CKR_FUNCTION_FAILED},
		"one that is not there": {"when: {function: [C_GenerateKey], true: CKA_WRAP}, then: {return: CKR_FUNCTION_FAILED}",
			func(s session) error { _, err := generate(s, secret()); return err }, pkcs11.CKR_OK},
		"an attribute that is dropped": {"when: {function: [C_GenerateKey]}, then: {drop: [CKA_LABEL]}",
			func(s session) error {
				key, err := generate(s, secret(label))
				if err != nil {
					return err
				}
				got, err := s.GetAttributeValue(s.sh, key, []*pkcs11.Attribute{{Type: pkcs11.CKA_LABEL}})
				if err == nil && len(got[0].Value) > 0 {
					return pkcs11.Error(pkcs11.CKR_GENERAL_ERROR)
				}
				return nil
			}, pkcs11.CKR_OK},
		"a key of a type": {"when: {function: [C_EncryptInit], key: {type: aes}}, then: {return: CKR_FUNCTION_FAILED}",
			func(s session) error { return encrypt(s, true) }, pkcs11.CKR_FUNCTION_FAILED},
		"a key of another type": {"when: {function: [C_EncryptInit], key: {type: des3}}, then: {return: CKR_FUNCTION_FAILED}",
			func(s session) error { return encrypt(s, true) }, pkcs11.CKR_OK},
		"a key with an attribute that is false": {"when: {function: [C_EncryptInit], key: {false: CKA_SENSITIVE}}, then: {return: CKR_FUNCTION_FAILED}",
			func(s session) error { return encrypt(s, false) }, pkcs11.CKR_FUNCTION_FAILED},
		"a key where it is true": {"when: {function: [C_EncryptInit], key: {false: CKA_SENSITIVE}}, then: {return: CKR_FUNCTION_FAILED}",
			func(s session) error { return encrypt(s, true) }, pkcs11.CKR_OK},
		"sizes that it tells": {"when: {mechanism: [CKM_AES_ECB]}, then: {sizes: {min: 24, max: 32}}",
			func(s session) error {
				info, err := s.GetMechanismInfo(0, mechanism(pkcs11.CKM_AES_ECB))
				if err == nil && (info.MinKeySize != 24 || info.MaxKeySize != 32) {
					return pkcs11.Error(pkcs11.CKR_GENERAL_ERROR)
				}
				return err
			}, pkcs11.CKR_OK},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := personality.Load(file(t, head+rule+tt.rule+"}\n"))
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.try(opened(t, p, personality.Options{})); tt.want == pkcs11.CKR_OK && got != nil || tt.want != pkcs11.CKR_OK && !is(got, tt.want) {
				t.Errorf("got %v, want 0x%X", got, tt.want)
			}
		})
	}
}

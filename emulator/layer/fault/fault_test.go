package fault_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/token"
)

const rw = pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION

// program is a small user of a token: what it sees of a scenario.
type program struct {
	cryptoki.Module
	t     *testing.T
	layer *fault.Layer
	s     pkcs11.SessionHandle
	key   pkcs11.ObjectHandle
}

func play(t *testing.T, s *fault.Scenario, o fault.Options) *program {
	t.Helper()
	m, err := token.New(token.Config{Label: "fault", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := fault.New(m, nil, o)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Module: l.Module(), t: t, layer: l}
	if err := p.Initialize(); err != nil {
		t.Fatal(err)
	}
	p.open()
	p.key = p.generate("first")
	if err := l.Play(s); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *program) open() {
	p.t.Helper()
	var err error
	if p.s, err = p.OpenSession(0, rw); err != nil {
		p.t.Fatal(err)
	}
	if err := p.Login(p.s, pkcs11.CKU_USER, "123456"); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		p.t.Fatal(err)
	}
}

func (p *program) generate(label string) pkcs11.ObjectHandle {
	p.t.Helper()
	key, err := p.GenerateKey(p.s, how(pkcs11.CKM_GENERIC_SECRET_KEY_GEN), []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return key
}

// quiet is a scenario that strikes nothing.
func quiet(t *testing.T) *fault.Scenario {
	return scenario(t, "  - {when: {function: [C_WaitForSlotEvent]}, then: {delay: 1ns}}\n")
}

// wrapped makes a key that wraps, and one that it may wrap.
func (p *program) wrapped() (wrapping, row pkcs11.ObjectHandle) {
	p.t.Helper()
	made := func(more *pkcs11.Attribute) pkcs11.ObjectHandle {
		key, err := p.GenerateKey(p.s, how(pkcs11.CKM_AES_KEY_GEN), []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), more,
		})
		if err != nil {
			p.t.Fatal(err)
		}
		return key
	}
	return made(pkcs11.NewAttribute(pkcs11.CKA_WRAP, true)), made(pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true))
}

func how(m uint) []*pkcs11.Mechanism { return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)} }

func (p *program) sign() ([]byte, error) {
	if err := p.SignInit(p.s, how(pkcs11.CKM_SHA256_HMAC), p.key); err != nil {
		return nil, err
	}
	return p.Sign(p.s, []byte("message"))
}

func scenario(t *testing.T, rules string) *fault.Scenario {
	t.Helper()
	s, err := fault.Parse([]byte("name: test\nabout: a test\nrules:\n" + rules))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wants(t *testing.T, what string, err error, code uint) {
	t.Helper()
	if code == pkcs11.CKR_OK && err == nil {
		return
	}
	if !errors.Is(err, pkcs11.Error(code)) {
		t.Errorf("%s: got %v, want %v", what, err, pkcs11.Error(code))
	}
}

// What each trigger strikes, of six signatures in a row.
func TestTriggers(t *testing.T) {
	for _, tt := range []struct{ name, when, struck string }{
		{"every call", "{function: [C_Sign]}", "xxxxxx"},
		{"the n-th call", "{function: [C_Sign], nth: 3}", "..x..."},
		{"every k-th call", "{function: [C_Sign], every: 2}", ".x.x.x"},
		{"so often at most", "{function: [C_Sign], times: 2}", "xx...."},
		{"a mechanism by name", "{function: [C_SignInit], mechanism: [CKM_SHA256_HMAC]}", "xxxxxx"},
		{"a mechanism by number", "{function: [C_SignInit], mechanism: ['0x251']}", "xxxxxx"},
		{"another mechanism", "{function: [C_SignInit], mechanism: [CKM_SHA_1_HMAC]}", "......"},
		{"another function", "{function: [C_Digest]}", "......"},
		{"chance, by the seed", "{function: [C_Sign], chance: 0.5}", "..xxxx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := play(t, scenario(t, "  - {when: "+tt.when+", then: {return: CKR_DEVICE_ERROR}}\n"), fault.Options{Seed: 7})
			var struck strings.Builder
			for range 6 {
				_, err := p.sign()
				old := p.s // its operation may be active still
				p.open()
				p.CloseSession(old)
				if err != nil {
					wants(t, "the answer", err, pkcs11.CKR_DEVICE_ERROR)
					struck.WriteByte('x')
					continue
				}
				struck.WriteByte('.')
			}
			if struck.String() != tt.struck {
				t.Errorf("struck %s, want %s", &struck, tt.struck)
			}
			if p.layer.Fired() != strings.Count(tt.struck, "x") {
				t.Errorf("%d calls counted", p.layer.Fired())
			}
		})
	}
}

// A mechanism that is absent is none that a rule names, and left to the token to refuse.
func TestNoMechanism(t *testing.T) {
	p := play(t, scenario(t, "  - {when: {function: [C_SignInit], mechanism: [CKM_SHA256_HMAC]}, then: {return: CKR_DEVICE_ERROR}}\n"), fault.Options{})
	for name, m := range map[string][]*pkcs11.Mechanism{"no list": nil, "an empty list": {}, "nil in it": {nil}} {
		wants(t, name, p.SignInit(p.s, m, p.key), pkcs11.CKR_ARGUMENTS_BAD)
	}
	if p.layer.Fired() != 0 {
		t.Errorf("%d calls struck", p.layer.Fired())
	}
}

// A rule waits for another one, and ends with a function.
func TestAfterAndUntil(t *testing.T) {
	p := play(t, scenario(t, `  - {name: first, when: {function: [C_GenerateRandom], nth: 2}, then: {return: CKR_DEVICE_ERROR}}
  - {when: {function: [C_GetSessionInfo], after: first, until: C_Digest}, then: {return: "0x80000384"}}
`), fault.Options{})
	info := func() error { _, err := p.GetSessionInfo(p.s); return err }
	draw := func() error { _, err := p.GenerateRandom(p.s, 1); return err }
	wants(t, "before", info(), pkcs11.CKR_OK)
	wants(t, "the first draw", draw(), pkcs11.CKR_OK)
	wants(t, "the second", draw(), pkcs11.CKR_DEVICE_ERROR)
	wants(t, "after it", info(), 0x80000384)
	wants(t, "and again", info(), 0x80000384)
	p.DigestInit(p.s, how(pkcs11.CKM_SHA256))
	p.Digest(p.s, nil)
	wants(t, "after its end", info(), pkcs11.CKR_OK)
}

func TestSessionsAndLoginsEndInTheModule(t *testing.T) {
	p := play(t, scenario(t, "  - {when: {function: [C_Sign], nth: 1}, then: {close: session}}\n"), fault.Options{})
	_, err := p.sign()
	wants(t, "a signature in a session that ends", err, pkcs11.CKR_SESSION_HANDLE_INVALID)
	p.open()
	p.key = p.generate("after")
	_, err = p.sign()
	wants(t, "one in a new session", err, pkcs11.CKR_OK)

	p = play(t, scenario(t, "  - {when: {function: [C_Sign], nth: 1}, then: {logout: true, return: CKR_DEVICE_ERROR}}\n"), fault.Options{})
	_, err = p.sign()
	wants(t, "a signature", err, pkcs11.CKR_DEVICE_ERROR)
	wants(t, "the login has ended", p.Logout(p.s), pkcs11.CKR_USER_NOT_LOGGED_IN)
}

func TestAnswersAreWrong(t *testing.T) {
	right, err := play(t, scenario(t, "  - {when: {function: [C_Digest]}, then: {return: CKR_OK, delay: 1ns}}\n"), fault.Options{}).sign()
	if err != nil || len(right) != 32 {
		t.Fatalf("%x, %v", right, err)
	}
	p := play(t, scenario(t, "  - {when: {function: [C_Sign], nth: 2}, then: {flip_bit: true}}\n"), fault.Options{})
	a, _ := p.sign()
	b, _ := p.sign()
	if a[31]^b[31] != 1 || !bytes.Equal(a[:31], b[:31]) {
		t.Errorf("%x and %x", a, b)
	}
	p = play(t, scenario(t, "  - {when: {function: [C_GenerateRandom]}, then: {repeat: true}}\n"), fault.Options{})
	a, _ = p.GenerateRandom(p.s, 16)
	b, _ = p.GenerateRandom(p.s, 16)
	if !bytes.Equal(a, b) {
		t.Errorf("%x, then %x", a, b)
	}
	p = play(t, scenario(t, "  - {when: {function: [C_SignInit], nth: 3}, then: {another_handle: true}}\n"), fault.Options{})
	first := p.key
	a, _ = p.sign()
	p.key = p.generate("second")
	other, _ := p.sign()
	p.key = first
	if b, _ = p.sign(); !bytes.Equal(b, other) || bytes.Equal(a, other) {
		t.Error("the third signature is not by the other key")
	}
}

// A call counts as struck where the program meets something else than it would have.
func TestWhatChangesNothingIsNoStrike(t *testing.T) {
	for _, tt := range []struct {
		name, rule string
		call       func(p *program)
		struck     int
	}{
		{"a bit of no output", "{when: {function: [C_SignInit]}, then: {flip_bit: true}}", func(p *program) { p.sign() }, 0},
		{"nor where it comes late", "{when: {function: [C_SignInit]}, then: {delay: 1ns, flip_bit: true}}", func(p *program) { p.sign() }, 0},
		{"a bit of an error", "{when: {function: [C_Sign]}, then: {flip_bit: true}}", func(p *program) { p.Sign(p.s, nil) }, 0},
		{"a bit of an output", "{when: {function: [C_Sign]}, then: {flip_bit: true}}", func(p *program) { p.sign() }, 1},
		{"no other key", "{when: {function: [C_SignInit]}, then: {another_handle: true}}", func(p *program) { p.sign() }, 0},
		{"no key at all", "{when: {function: [C_DigestInit]}, then: {another_handle: true}}", func(p *program) { p.DigestInit(p.s, how(pkcs11.CKM_SHA256)) }, 0},
		{"no session", "{when: {function: [C_GetTokenInfo]}, then: {close: session}}", func(p *program) { p.GetTokenInfo(0) }, 0},
		{"a session that is none", "{when: {function: [C_Sign]}, then: {close: session}}", func(p *program) { p.Sign(4711, nil) }, 0},
		{"a session", "{when: {function: [C_Sign]}, then: {close: session}}", func(p *program) { p.sign() }, 1},
		{"no slots of a call without", "{when: {function: [C_Sign]}, then: {no_slots: true}}", func(p *program) { p.sign() }, 0},
		{"no slots", "{when: {function: [C_GetSlotList]}, then: {no_slots: true}}", func(p *program) { p.GetSlotList(true) }, 1},
		{"a first output again", "{when: {function: [C_Sign]}, then: {repeat: true}}", func(p *program) { p.sign() }, 0},
		{"the same output again", "{when: {function: [C_Sign]}, then: {repeat: true}}", func(p *program) { p.sign(); p.sign() }, 0},
		{"an output again", "{when: {function: [C_GenerateRandom]}, then: {repeat: true}}", func(p *program) { p.GenerateRandom(p.s, 16); p.GenerateRandom(p.s, 16) }, 1},
		{"a lost answer of what fails anyway", "{when: {function: [C_Sign]}, then: {done: true, return: CKR_DEVICE_ERROR}}", func(p *program) { p.Sign(4711, nil) }, 0},
		{"a delay", "{when: {function: [C_Sign]}, then: {delay: 1ns}}", func(p *program) { p.sign() }, 1},
		{"what changes nothing is not one of the times", "{when: {function: [C_Sign], times: 1}, then: {flip_bit: true}}", func(p *program) { p.Sign(p.s, nil); p.sign(); p.sign() }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := scenario(t, "  - "+tt.rule+"\n")
			p := play(t, quiet(t), fault.Options{})
			end, err := p.layer.Hold(s, 0)
			if err != nil {
				t.Fatal(err)
			}
			tt.call(p)
			if n, held := p.layer.Fired(), end(); n != tt.struck || held != tt.struck {
				t.Errorf("struck %d, and %d by who holds it; want %d", n, held, tt.struck)
			}
		})
	}
}

// A call whose answer is lost has been made.
func TestALostAnswer(t *testing.T) {
	p := play(t, scenario(t, "  - {when: {function: [C_DestroyObject]}, then: {done: true, return: CKR_DEVICE_ERROR}}\n"), fault.Options{})
	wants(t, "the answer", p.DestroyObject(p.s, p.key), pkcs11.CKR_DEVICE_ERROR)
	_, err := p.sign()
	wants(t, "the key", err, pkcs11.CKR_KEY_HANDLE_INVALID)
}

// A call that hangs comes back when the layer is disarmed, with the error of the script.
func TestDisarmEndsAHang(t *testing.T) {
	waiting := make(chan time.Duration, 1)
	o := fault.Options{Wait: func(d time.Duration, end <-chan struct{}) { waiting <- d; <-end }}
	p := play(t, scenario(t, "  - {when: {function: [C_Sign]}, then: {hang: 5m, return: CKR_CRYPTOKI_NOT_INITIALIZED}}\n"), o)
	answer := make(chan error)
	go func() { _, err := p.sign(); answer <- err }()
	if d := <-waiting; d != 5*time.Minute {
		t.Errorf("hangs for %s", d)
	}
	p.layer.Disarm()
	wants(t, "the answer", <-answer, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
}

func TestIdleExpiry(t *testing.T) {
	now := time.Unix(1e9, 0)
	s, err := fault.Load("idle-expiry")
	if err != nil {
		t.Fatal(err)
	}
	p := play(t, s, fault.Options{Now: func() time.Time { return now }})
	_, err = p.sign()
	wants(t, "at once", err, pkcs11.CKR_OK)
	now = now.Add(time.Hour)
	_, err = p.GetTokenInfo(0)
	wants(t, "after an hour", err, pkcs11.CKR_DEVICE_ERROR)
}

// Each scenario does something to a program that signs, opens sessions, finds slots,
// draws, derives, wraps and unwraps: no script is idle.
func TestEveryScenarioStrikes(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, s := range fault.List() {
		t.Run(s.Name, func(t *testing.T) {
			if s.About == "" || s.Source == "" {
				t.Error("says not what it does, or where it has happened")
			}
			p := play(t, quiet(t), fault.Options{Now: func() time.Time { return now }, Wait: func(time.Duration, <-chan struct{}) {}})
			wrapping, row := p.wrapped()
			if err := p.layer.Play(s); err != nil {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Hour)
			for range 6 {
				p.GetSlotList(true)
				p.GetTokenInfo(0)
				p.sign()
				p.GenerateRandom(p.s, 8)
				p.UnwrapKey(p.s, how(pkcs11.CKM_AES_KEY_WRAP), p.key, nil, nil)
				p.WrapKey(p.s, how(pkcs11.CKM_AES_KEY_WRAP), wrapping, row)
				p.DeriveKey(p.s, how(pkcs11.CKM_SHA256), p.key, nil)
				p.Decrypt(p.s, nil)
				p.SignInit(p.s, how(pkcs11.CKM_SHA256_HMAC), p.key+1)
				if s, err := p.OpenSession(0, rw); err == nil {
					p.s = s
					p.Login(s, pkcs11.CKU_USER, "123456")
				}
			}
			if p.layer.Fired() == 0 {
				t.Error("no call was struck")
			}
		})
	}
}

func TestWhatIsWrongWithAScenario(t *testing.T) {
	for _, tt := range []struct{ name, text, says string }{
		{"two documents", "name: x\nabout: y\nrules: [{then: {no_slots: true}}]\n---\nname: z\n", "more than one"},
		{"an unknown key", "name: x\nabout: y\nrules:\n  - {whenever: {}, then: {return: CKR_OK}}\n", `line 4: no key "whenever" here`},
		{"an unknown function", "name: x\nabout: y\nrules:\n  - {when: {function: [C_Sing]}, then: {return: CKR_OK}}\n", `"C_Sing" is no function`},
		{"an unknown code", "name: x\nabout: y\nrules:\n  - {when: {}, then: {return: CKR_OH}}\n", `"CKR_OH" is neither`},
		{"nothing happens", "name: x\nabout: y\nrules:\n  - {when: {}, then: {}}\n", "nothing happens"},
		{"a return value that changes nothing", "name: x\nabout: y\nrules:\n  - {then: {return: CKR_OK}}\n", "nothing happens"},
		{"nor where the call is done", "name: x\nabout: y\nrules:\n  - {then: {done: true, return: '0x0'}}\n", "nothing happens"},
		{"no rules", "name: x\nabout: y\n", "1 to 64 rules"},
		{"after nothing", "name: x\nabout: y\nrules:\n  - {when: {after: z}, then: {return: CKR_OK, delay: 1s}}\n", `no rule before it is called "z"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := fault.Parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
	if _, err := fault.Load("no-such"); !errors.Is(err, fault.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

// The layer costs no memory where it strikes nothing.
func TestNoAllocation(t *testing.T) {
	p := play(t, scenario(t, "  - {when: {function: [C_VerifyUpdate], nth: 1000000}, then: {return: CKR_DEVICE_ERROR}}\n"), fault.Options{})
	if n := testing.AllocsPerRun(100, func() { p.VerifyUpdate(p.s, nil) }); n > 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: x\nabout: y\nrules:\n  - {when: {function: [C_Sign], nth: 1}, then: {hang: 1s, return: CKR_DEVICE_ERROR}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := fault.Parse(text)
		if err != nil {
			return
		}
		if _, err := fault.New(nil, s, fault.Options{}); err != nil {
			t.Errorf("a scenario that was taken cannot be played: %v", err)
		}
	})
}

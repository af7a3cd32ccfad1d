package control_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/emulator/token"
)

const rw = pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION

// emulator is a token with all layers, as a program has it.
type emulator struct {
	cryptoki.Extended
	t      *testing.T
	socket string
	server *control.Server
}

// socket gives a path that is short enough, in a directory that everybody may enter.
func socket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "control")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "socket")
}

func start(t *testing.T, o control.Options) *emulator {
	t.Helper()
	e := build(t, o)
	if err := e.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Finalize() })
	return e
}

func build(t *testing.T, o control.Options) *emulator {
	t.Helper()
	m, err := token.New(token.Config{Label: "eps", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		t.Fatal(err)
	}
	if o.Socket == "" {
		o.Socket = socket(t)
	}
	e := &emulator{t: t, socket: o.Socket}
	told := needle.New(m, func(n needle.Needle) { e.server.Needle(n) })
	faults, err := fault.New(told, nil, fault.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e.server = control.New(o, faults)
	e.Extended = e.server.Module(cryptoki.Extend(trace.New("", faults.Module(), e.server.Record)))
	return e
}

func (e *emulator) dial() *control.Client {
	e.t.Helper()
	c, err := control.Dial(e.t.Context(), e.socket)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// session opens a session and logs in.
func (e *emulator) session() pkcs11.SessionHandle {
	e.t.Helper()
	s, err := e.OpenSession(0, rw)
	if err == nil {
		err = e.Login(s, pkcs11.CKU_USER, "123456")
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *emulator) generate(s pkcs11.SessionHandle) pkcs11.ObjectHandle {
	e.t.Helper()
	key, err := e.GenerateKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return key
}

func TestTheBenchSeesTheCalls(t *testing.T) {
	e := start(t, control.Options{})
	c := e.dial()
	if c.PID() != os.Getpid() {
		t.Errorf("pid %d", c.PID())
	}
	var first, second trace.Recorder
	one, err := c.Records(t.Context(), first.Add)
	if err != nil {
		t.Fatal(err)
	}
	two, err := e.dial().Records(t.Context(), second.Add)
	if err != nil {
		t.Fatal(err)
	}
	e.generate(e.session())
	if err := e.Finalize(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(one.Wait(), two.Wait()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*trace.Recorder{&first, &second} {
		var functions []string
		for _, rec := range r.Since(0) {
			functions = append(functions, rec.Function)
		}
		if got := strings.Join(functions, " "); got != "C_OpenSession C_Login C_GenerateKey C_Finalize" {
			t.Errorf("a bench sees %s", got)
		}
	}
	if one.Lost() != (control.Lost{}) {
		t.Errorf("lost %+v", one.Lost())
	}
}

// Nobody who has gone is still counted: no record is made for him.
func TestASubscriptionEndsWithItsContext(t *testing.T) {
	e := start(t, control.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	s, err := e.dial().Records(ctx, func(trace.Record) {})
	if err != nil || !e.server.Wanted() {
		t.Fatalf("wanted %v, %v", e.server.Wanted(), err)
	}
	cancel()
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
	e.Finalize()
	if e.server.Wanted() {
		t.Error("records are still wanted")
	}
}

// What has been called when the bench stops is told.
func TestABenchThatStops(t *testing.T) {
	e := start(t, control.Options{})
	s, seen := e.session(), 0
	stream, err := e.dial().Records(t.Context(), func(trace.Record) { seen++ })
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		e.GenerateRandom(s, 8)
	}
	stream.Stop()
	if err := stream.Wait(); err != nil || seen != 1000 {
		t.Errorf("%d seen, %v", seen, err)
	}
}

func TestNeedles(t *testing.T) {
	e := start(t, control.Options{UnsafeNeedles: true})
	c := e.dial()
	if !c.HasNeedles() {
		t.Error("the file allows needles, and the client does not know")
	}
	got := make(chan needle.Needle, 1)
	if _, err := c.Needles(t.Context(), func(n needle.Needle) { got <- n }); err != nil {
		t.Fatal(err)
	}
	key := e.generate(e.session())
	n := <-got
	defer n.Clear()
	if n.From != "C_GenerateKey" || n.Key != uint(key) || len(n.Value()) != 32 {
		t.Errorf("got %v", n)
	}
}

func TestNeedlesAreOffUnlessTheFileSaysSo(t *testing.T) {
	c := start(t, control.Options{}).dial()
	if _, err := c.Needles(t.Context(), func(needle.Needle) {}); !errors.Is(err, control.ErrNeedles) {
		t.Errorf("got %v", err)
	}
	if c.HasNeedles() {
		t.Error("the client has been promised needles")
	}
}

func TestThePlanOfTheBench(t *testing.T) {
	e := start(t, control.Options{})
	c, ctx := e.dial(), t.Context()
	s := e.session()
	random := func(want error) {
		t.Helper()
		if _, err := e.GenerateRandom(s, 8); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	random(nil)
	if err := c.PlayYAML(ctx, "name: x\nabout: y\nrules: [{when: {function: [C_GenerateRandom]}, then: {return: CKR_DEVICE_REMOVED}}]\n"); err != nil {
		t.Fatal(err)
	}
	random(pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED))
	if n, err := c.Fired(ctx); n != 1 || err != nil {
		t.Errorf("fired %d, %v", n, err)
	}
	if err := c.Disarm(ctx); err != nil {
		t.Fatal(err)
	}
	random(nil)
	if err := c.Play(ctx, "failover"); err != nil {
		t.Error(err)
	}
}

func TestAPlanThatIsNone(t *testing.T) {
	c := start(t, control.Options{}).dial()
	for _, tt := range []struct {
		name string
		play func(context.Context, string) error
		text string
		says string
	}{
		{"a name that is none", c.Play, "no-such", "no-such"},
		{"a file is no name", c.Play, "control_test.go", "no such fault scenario"},
		{"a key with a slip", c.PlayYAML, "name: x\nabot: y\n", `did you mean "about"?`},
		{"a rule that does nothing", c.PlayYAML, "name: x\nabout: y\nrules: [{}]\n", "nothing happens"},
		{"a text that is too long", c.PlayYAML, strings.Repeat("#", 1<<20+1), "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.play(t.Context(), tt.text); !errors.Is(err, control.ErrScenario) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %s", err, tt.says)
			}
		})
	}
	if err := c.PlayYAML(t.Context(), strings.Repeat("#", control.MaxLine)); !errors.Is(err, control.ErrRequest) {
		t.Errorf("a line that is too long: %v", err)
	}
}

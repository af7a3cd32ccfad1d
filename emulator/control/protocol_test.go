package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

const hello = `{"hello":"epsbench.control/1"}` + "\n"

// raw is a bench that speaks line by line.
type raw struct {
	net.Conn
	*bufio.Scanner
	t *testing.T
}

func (e *emulator) raw() *raw {
	e.t.Helper()
	c, err := net.Dial("unix", e.socket)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { c.Close() })
	r := &raw{c, bufio.NewScanner(c), e.t}
	r.Buffer(nil, control.MaxLine)
	if got := r.line(); !strings.HasPrefix(got, `{"hello":"epsbench.control/1","pid":`) {
		e.t.Fatalf("the emulator begins with %s", got)
	}
	return r
}

func (r *raw) say(text string) {
	r.t.Helper()
	if _, err := r.Write([]byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

// line reads one; it is empty at the end.
func (r *raw) line() string {
	if !r.Scan() {
		return ""
	}
	return r.Text()
}

// What the emulator answers, and that it goes after an error of the protocol.
func TestLines(t *testing.T) {
	e := start(t, control.Options{})
	for _, tt := range []struct {
		name, says, answer string
		stays              bool
	}{
		{"a request", hello + `{"do":"fired"}` + "\n", `{"done":"fired","fired":0}`, true},
		{"a refused one", hello + `{"do":"needles"}` + "\n", `{"error":{"code":"needles",`, true},
		{"no hello", `{"do":"fired"}` + "\n", `{"error":{"code":"version",`, false},
		{"another version", `{"hello":"epsbench.control/2"}` + "\n", `{"error":{"code":"version",`, false},
		{"no such request", hello + `{"do":"stop"}` + "\n", `{"error":{"code":"request","text":"no request of this protocol: do \"stop\""}}`, false},
		{"an unknown key", hello + `{"do":"fired","times":2}` + "\n", `unknown key \"times\"`, false},
		{"a key in other letters", hello + `{"Do":"fired"}` + "\n", `unknown key \"Do\"`, false},
		{"a key twice", hello + `{"do":"fired","do":"disarm"}` + "\n", `key \"do\" twice`, false},
		{"a hello with more", `{"hello":"epsbench.control/1","name":"x"}` + "\n", `{"error":{"code":"version",`, false},
		{"two scenarios", hello + `{"do":"play","scenario":"a","yaml":"b"}` + "\n", `scenario or yaml`, false},
		{"no scenario", hello + `{"do":"play"}` + "\n", `scenario or yaml`, false},
		{"a scenario of another", hello + `{"do":"disarm","scenario":"a"}` + "\n", `only play`, false},
		{"no scenario to hold", hello + `{"do":"hold","seed":1}` + "\n", `hold wants scenario or yaml`, false},
		{"a seed of another", hello + `{"do":"play","scenario":"failover","seed":1}` + "\n", `only hold has a seed`, false},
		{"to hold what is none", hello + `{"do":"hold","scenario":"no-such"}` + "\n", `{"error":{"code":"scenario",`, true},
		{"two in a line", hello + `{"do":"fired"}{}` + "\n", `more than one`, false},
		{"no object", hello + "null\n", `no JSON object`, false},
		{"no JSON", hello + "{x\n", `no such JSON`, false},
		{"a wrong type", hello + `{"do":7}` + "\n", `no such JSON`, false},
		{"a line without end", hello + strings.Repeat("x", control.MaxLine+1), `a line of more than`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := e.raw()
			go r.Write([]byte(tt.says))
			if got := r.line(); !strings.Contains(got, tt.answer) {
				t.Errorf("answered %s, want %s", got, tt.answer)
			}
			if tt.stays {
				r.say(`{"do":"disarm"}` + "\n")
			}
			if got := r.line(); (got == `{"done":"disarm"}`) != tt.stays {
				t.Errorf("then %q", got)
			}
		})
	}
}

// A bench that does not read holds nobody up, and is told what it has missed.
func TestASlowBench(t *testing.T) {
	const all = 30000
	e := start(t, control.Options{})
	r := e.raw()
	r.say(hello + `{"do":"records"}` + "\n")
	if got := r.line(); got != `{"done":"records"}` {
		t.Fatal(got)
	}
	for range all {
		e.server.Record(trace.Record{At: time.Unix(1, 0), Function: "C_Sign", Return: "CKR_OK"})
	}
	seen, lost := 0, 0
	for seen+lost < all {
		var reply struct {
			Record *trace.Record
			Lost   *control.Lost
		}
		if err := json.Unmarshal([]byte(r.line()), &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Lost != nil {
			lost += int(reply.Lost.Records)
		} else {
			seen++
		}
	}
	if seen == 0 || lost == 0 || seen+lost != all {
		t.Errorf("seen %d, lost %d", seen, lost)
	}
}

// One that never reads does not keep the program from its end.
func TestABenchThatNeverReads(t *testing.T) {
	e := start(t, control.Options{})
	r := e.raw()
	r.say(hello + `{"do":"records"}` + "\n")
	r.line()
	for range 9000 {
		e.server.Record(trace.Record{At: time.Unix(1, 0), Function: "C_Sign", Return: "CKR_OK"})
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Finalize() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-nearTheEnd(t):
		t.Fatal("the program waits for a bench that does not read")
	}
}

// nearTheEnd is closed shortly before the test would run out of time; never if it has no limit.
func nearTheEnd(t *testing.T) <-chan struct{} {
	deadline, ok := t.Deadline()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(-time.Second))
	t.Cleanup(cancel)
	return ctx.Done()
}

// The value is overwritten, whether it was sent, is too large to be, or nobody wants it.
func TestAValueIsClearedOnceSent(t *testing.T) {
	e := start(t, control.Options{UnsafeNeedles: true})
	r := e.raw()
	r.say(hello + `{"do":"needles"}` + "\n")
	r.line()
	for name, want := range map[string]struct {
		size int
		line string
	}{
		"sent":      {16, `{"needle":{"from":"C_Decrypt","key":3,"value":"` + strings.Repeat("61", 16) + `"}}`},
		"too large": {1 << 20, `{"lost":{"records":0,"needles":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			value := []byte(strings.Repeat("a", want.size))
			e.server.Needle(needle.Of("C_Decrypt", 3, value))
			if got := r.line(); got != want.line {
				t.Errorf("the bench reads %.100s", got)
			}
			if strings.Trim(string(value), "\x00") != "" {
				t.Error("the value is still there")
			}
		})
	}
}

func TestNoMoreThanSixteen(t *testing.T) {
	e := start(t, control.Options{})
	for range 16 {
		e.raw()
	}
	if _, err := control.Dial(t.Context(), e.socket); err == nil || !strings.Contains(err.Error(), control.ErrBusy.Error()) {
		t.Errorf("got %v", err)
	}
}

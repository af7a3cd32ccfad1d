package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// A bench has a C program meet a fault and sees its calls; nothing is left of the socket,
// though the program never says C_Finalize, and a child of it has ended before.
func TestABenchControlsACProgram(t *testing.T) {
	for name, what := range map[string]string{"from its start": "controlled", "after an exec in its process": "execs"} {
		t.Run(name, func(t *testing.T) {
			p := startControlled(t, what)
			p.says("ready")
			bench, err := control.Dial(t.Context(), p.socket)
			if err != nil {
				t.Fatal(err)
			}
			if bench.PID() != p.cmd.Process.Pid {
				t.Errorf("pid %d, want %d", bench.PID(), p.cmd.Process.Pid)
			}
			p.meetsAFault(bench)
			p.in.Close()
			if err := p.cmd.Wait(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(filepath.Dir(p.socket)); len(left) != 0 || err != nil {
				t.Errorf("left is %v, %v", left, err)
			}
		})
	}
}

// meetsAFault has the program call before, under and after a plan, while the bench looks on.
func (p *controlled) meetsAFault(bench *control.Client) {
	p.t.Helper()
	ctx, seen := p.t.Context(), make(chan trace.Record, 8)
	if _, err := bench.Records(ctx, func(r trace.Record) { seen <- r }); err != nil {
		p.t.Fatal(err)
	}
	p.calls("0x0")
	if err := bench.PlayYAML(ctx, "name: x\nabout: y\nrules: [{when: {function: [C_GenerateRandom]}, then: {return: CKR_DEVICE_ERROR}}]\n"); err != nil {
		p.t.Fatal(err)
	}
	p.calls("0x30")
	if err := bench.Disarm(ctx); err != nil {
		p.t.Fatal(err)
	}
	p.calls("0x0")
	for _, want := range []string{"CKR_OK", "CKR_DEVICE_ERROR", "CKR_OK"} {
		if r := <-seen; r.Function != "C_GenerateRandom" || r.Return != want {
			p.t.Errorf("the bench sees %+v, want %s", r, want)
		}
	}
}

// controlled is a C program with a control socket, which works when it is told to.
type controlled struct {
	t      *testing.T
	socket string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
}

func startControlled(t *testing.T, what string) *controlled {
	t.Helper()
	dir, err := os.MkdirTemp("", "cabi") // a short path: a socket's is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &controlled{t: t, socket: filepath.Join(dir, "socket")}
	p.cmd = exec.CommandContext(t.Context(), built.program, built.library, what)
	p.cmd.Env = configured(t, "backend: {token: memory}\nslots: [{id: 7, label: eps, so_pin: {env: TEST_PIN}, pin: {env: TEST_PIN}}]\n"+
		"control: {socket: "+p.socket+"}\n", "TEST_PIN=123456")
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *controlled) says(want string) {
	p.t.Helper()
	if !p.out.Scan() || p.out.Text() != want {
		p.t.Fatalf("the program says %q, want %q", p.out.Text(), want)
	}
}

// calls has the program call once.
func (p *controlled) calls(want string) {
	p.t.Helper()
	if _, err := p.in.Write([]byte("x")); err != nil {
		p.t.Fatal(err)
	}
	p.says(want)
}

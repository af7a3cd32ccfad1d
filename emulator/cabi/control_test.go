package main

import (
	"bufio"
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
	dir, err := os.MkdirTemp("", "cabi") // a short path: a socket's is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	c := exec.CommandContext(t.Context(), built.program, built.library, "controlled")
	c.Env = configured(t, "backend: {token: memory}\nslots: [{id: 7, label: eps, so_pin: {env: TEST_PIN}, pin: {env: TEST_PIN}}]\n"+
		"control: {socket: "+socket+"}\n", "TEST_PIN=123456")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewScanner(stdout)
	says := func(want string) {
		t.Helper()
		if !out.Scan() || out.Text() != want {
			t.Fatalf("the program says %q, want %q", out.Text(), want)
		}
	}
	calls := func(want string) {
		t.Helper()
		if _, err := in.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		says(want)
	}

	says("ready")
	bench, err := control.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if bench.PID() != c.Process.Pid {
		t.Errorf("pid %d, want %d", bench.PID(), c.Process.Pid)
	}
	seen := make(chan trace.Record, 8)
	records, err := bench.Records(t.Context(), func(r trace.Record) { seen <- r })
	if err != nil {
		t.Fatal(err)
	}
	calls("0x0")
	if err := bench.PlayYAML(t.Context(), "name: x\nabout: y\nrules: [{when: {function: [C_GenerateRandom]}, then: {return: CKR_DEVICE_ERROR}}]\n"); err != nil {
		t.Fatal(err)
	}
	calls("0x30")
	if err := bench.Disarm(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls("0x0")
	for _, want := range []string{"CKR_OK", "CKR_DEVICE_ERROR", "CKR_OK"} {
		if r := <-seen; r.Function != "C_GenerateRandom" || r.Return != want {
			t.Errorf("the bench sees %+v, want %s", r, want)
		}
	}
	in.Close()
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if err := records.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
		t.Errorf("left is %v, %v", left, err)
	}
}

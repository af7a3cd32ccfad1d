package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxIdle is how much memory an idle EPS may use, in kB.
const maxIdle = 100 << 10

// TestAnIdleEPSIsSmallAndLeavesNoCore runs the program as it is shipped, without the
// race detector that tests are built with.
func TestAnIdleEPSIsSmallAndLeavesNoCore(t *testing.T) {
	b := build(t)
	b.token("eps", "1234")
	b.run(b.eps, "init", "--module", module, "--pin-env", "EPS_PIN", "--rsa-bits", "2048",
		"--bank", "127.0.0.1:0", "--public", "127.0.0.1:0")

	serve := b.command(b.eps, "serve")
	out, err := serve.StdoutPipe()
	b.check(err)
	b.check(serve.Start())
	defer serve.Wait() //nolint:errcheck // killed
	defer serve.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "bank ") {
		t.Fatalf("%q, %v", line, err)
	}
	kB := b.number(serve.Process.Pid, "status", "VmRSS:")
	t.Logf("an idle EPS uses %d kB", kB)
	if kB > maxIdle {
		t.Errorf("that is more than %d kB", maxIdle)
	}
	if n := b.number(serve.Process.Pid, "limits", "Max core file size"); n != 0 {
		t.Errorf("core files of %d bytes are allowed", n)
	}
}

// bench builds eps and runs commands in a directory of its own.
type bench struct {
	t        *testing.T
	dir, eps string
	free     string // an address: see plugin
}

const module = "/usr/lib/softhsm/libsofthsm2.so"

func build(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.eps = filepath.Join(b.dir, "eps")
	b.check(os.Mkdir(filepath.Join(b.dir, "tokens"), 0o700))
	b.check(os.WriteFile(filepath.Join(b.dir, "softhsm2.conf"), []byte("directories.tokendir = "+b.dir+"/tokens\nlog.level = ERROR\n"), 0o600))
	compile := exec.Command("go", "build", "-trimpath", "-o", b.eps, ".")
	if text, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return b
}

// token makes one in the SoftHSM of the directory.
func (b *bench) token(label, pin string) {
	b.t.Helper()
	b.run("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "00000000", "--pin", pin)
}

func (b *bench) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = b.dir
	c.Env = append(os.Environ(), "SOFTHSM2_CONF="+filepath.Join(b.dir, "softhsm2.conf"), "EPS_PIN=1234", "EPSAUTH_PIN=5678")
	return c
}

func (b *bench) run(name string, args ...string) {
	b.t.Helper()
	if text, err := b.command(name, args...).CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v: %s", name, err, text)
	}
}

func (b *bench) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// number reads the first number of a line of /proc/PID/FILE.
func (b *bench) number(pid int, file, line string) (n int) {
	b.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	b.check(err)
	_, rest, found := strings.Cut(string(data), line)
	if _, err := fmt.Sscan(rest, &n); !found || err != nil {
		b.t.Fatalf("no number after %q in %s: %v", line, file, err)
	}
	return n
}

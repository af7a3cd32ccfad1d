package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// built is where TestMain has put the library and the C programs that load it.
var built struct{ library, program, hostile string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "libepsemu")
	if err == nil {
		err = os.Chmod(dir, 0o755) // a program may run as another user
	}
	if err == nil {
		err = build(dir)
	}
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	built.library, built.program, built.hostile = filepath.Join(dir, "libepsemu.so"), filepath.Join(dir, "program"), filepath.Join(dir, "hostile")
	if err := command("go", "build", "-buildvcs=false", "-buildmode=c-shared", "-o", built.library, "."); err != nil {
		return err
	}
	for _, program := range []string{built.program, built.hostile} {
		source := "testdata/" + filepath.Base(program) + ".c"
		if err := command("cc", "-g", "-O1", "-Wall", "-I/usr/include/p11-kit-1", "-o", program, source, "-ldl", "-lpthread"); err != nil {
			return err
		}
	}
	return nil
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s(tools are missing? make deps)", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// environment has a file for the library, with a token in a directory of its own.
func environment(t *testing.T) []string { return slot(t, t.TempDir()) }

// inMemory has a file for a token that ends with its process: a login there costs little.
func inMemory(t *testing.T) []string { return slot(t, "memory") }

func slot(t *testing.T, where string) []string {
	return configured(t, fmt.Sprintf(`backend: {token: %s}
slots: [{id: 7, label: eps, so_pin: {env: TEST_SO_PIN}, pin: {env: TEST_PIN}}]
`, where), "TEST_SO_PIN=87654321", "TEST_PIN=123456")
}

func configured(t *testing.T, text string, more ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "epsemu.yaml")
	if err := os.WriteFile(path, []byte("format: epsbench.emulator/1\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return append(append(os.Environ(), "EPSEMU_CONF="+path), more...)
}

// runs runs a program to its end, which is a good one, and gives what it has said.
func runs(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	return runsWithin(t.Context(), t, env, name, args...)
}

func runsWithin(ctx context.Context, t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(ctx, name, args...)
	c.Env, c.WaitDelay = env, time.Second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s(not there? make deps)", name, strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

func TestACProgram(t *testing.T) {
	for _, what := range []string{"sizes", "lengths", "over", "ended", "logout", "wraps", "cancelled", "attributes", "nonsense", "forks", "threads", "loads", "no-vendor"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			runs(t, environment(t), built.program, built.library, what)
		})
	}
}

func TestPKCS11Tool(t *testing.T) {
	env := environment(t)
	out := runs(t, env, "pkcs11-tool", "--module", built.library, "--login", "--pin", "123456", "--keypairgen", "--key-type", "rsa:2048", "--label", "pair", "--id", "01")
	if !strings.Contains(out, "Private Key Object") {
		t.Error(out)
	}
	out = runs(t, env, "pkcs11-tool", "--module", built.library, "--test", "--allow-sw", "--login", "--pin", "123456")
	if !strings.Contains(out, "No errors") {
		t.Error(out)
	}
	if out = runs(t, env, "pkcs11-tool", "--module", built.library, "--list-slots"); !strings.Contains(out, "(0x7)") {
		t.Errorf("the slot should have the id of its file: %s", out)
	}
}

// p11tool, which loads by p11-kit, makes and lists keys; ssh-keygen reads public ones out of
// the same directory.
func TestSSHAndGnuTLS(t *testing.T) {
	env := environment(t)
	runs(t, env, "p11tool", "--provider", built.library, "--login", "--set-pin", "123456", "--generate-privkey", "rsa", "--bits", "2048", "--label", "pair", "--outfile", os.DevNull, "pkcs11:token=eps")
	if out := runs(t, env, "p11tool", "--provider", built.library, "--login", "--set-pin", "123456", "--list-all", "pkcs11:token=eps"); !strings.Contains(out, "pair") {
		t.Error(out)
	}
	if out := runs(t, env, "ssh-keygen", "-D", built.library); !strings.Contains(out, "ssh-rsa ") {
		t.Error(out)
	}
}

const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

// inFront has a file for the library that puts it in front of SoftHSM, or of a module that
// hands on to it, with a token.
func inFront(t *testing.T, text string) []string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := configured(t, text, "SOFTHSM2_CONF="+conf, "SOFTHSM="+softHSM)
	runs(t, env, "softhsm2-util", "--module", built.library, "--init-token", "--free", "--label", "eps", "--so-pin", "87654321", "--pin", "123456")
	return env
}

// In front of another library everything is that library's, and its vendor's functions too.
func TestInFrontOfAnotherLibrary(t *testing.T) {
	dir := t.TempDir()
	module, lines := filepath.Join(dir, "vendor.so"), filepath.Join(dir, "trace")
	if err := command("cc", "-shared", "-fPIC", "-Wall", "-o", module, "testdata/vendor_module.c", "-ldl"); err != nil {
		t.Fatal(err)
	}
	env := inFront(t, fmt.Sprintf("backend: {module: %s}\ntrace: {file: %s}\n", module, lines))
	out := runs(t, env, "pkcs11-tool", "--module", built.library, "--test", "--allow-sw", "--login", "--pin", "123456")
	if !strings.Contains(out, "No errors") {
		t.Error(out)
	}
	runs(t, env, built.program, built.library, "vendor")
	runs(t, env, built.program, built.library, "another")
	trace, err := os.ReadFile(lines)
	if err != nil || !bytes.Contains(trace, []byte("C_Login")) || bytes.Contains(trace, []byte("123456")) {
		t.Errorf("trace of %d bytes, %v", len(trace), err)
	}
}

// The library's own header, and the order of its functions, are those of p11-kit's.
func TestHeader(t *testing.T) {
	program := filepath.Join(t.TempDir(), "header")
	if err := command("cc", "-Wall", "-Wextra", "-Werror", "-I/usr/include/p11-kit-1", "-o", program, "testdata/header.c", "-ldl"); err != nil {
		t.Fatal(err)
	}
	runs(t, inMemory(t), program, built.library)
}

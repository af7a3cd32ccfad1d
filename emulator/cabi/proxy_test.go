package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is who runs programs that ignore a user's configuration when root runs them.
const nobody = 65534

// p11-kit's proxy loads the library by a configuration of the user's, and gives it to any
// program that knows only the proxy.
func TestP11KitProxy(t *testing.T) {
	proxy, err := filepath.Glob("/usr/lib/*/p11-kit-proxy.so") // in the folder of the machine's kind
	if err != nil || len(proxy) != 1 {
		t.Fatalf("p11-kit's proxy: %q, %v (make deps)", proxy, err)
	}
	home := proxyHome(t)
	env := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home+"/.config", "EPSEMU_CONF="+home+"/epsemu.yaml", "TEST_SO_PIN=87654321", "TEST_PIN=123456")
	tool := func(args ...string) string {
		c := exec.CommandContext(t.Context(), "pkcs11-tool", append([]string{"--module", proxy[0], "--login", "--pin", "123456"}, args...)...)
		c.Env, c.Dir = env, home
		if os.Getuid() == 0 {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s(not there? make deps)", c, err, out)
		}
		return string(out)
	}
	tool("--keypairgen", "--key-type", "rsa:2048", "--label", "pair", "--id", "01")
	// Without --allow-sw it would sign with tokens only that call themselves hardware.
	if out := tool("--test", "--allow-sw"); !strings.Contains(out, "Signatures (currently only for RSA)") || !strings.Contains(out, "No errors") {
		t.Error(out)
	}
	if out := tool("--list-objects"); !strings.Contains(out, "pair") {
		t.Errorf("the pair should be kept: %s", out)
	}
}

// proxyHome is a user's home where p11-kit finds the library and nothing of the system's.
func proxyHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "home")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	for name, text := range map[string]string{
		".config/pkcs11/pkcs11.conf":           "user-config: only\n",
		".config/pkcs11/modules/epsemu.module": "module: " + built.library + "\n",
		"epsemu.yaml": fmt.Sprintf("format: epsbench.emulator/1\nbackend: {token: %s/token}\n"+
			"slots: [{id: 7, label: eps, so_pin: {env: TEST_SO_PIN}, pin: {env: TEST_PIN}}]\n", home),
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() != 0 {
		return home
	}
	err = filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
	return home
}

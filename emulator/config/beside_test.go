package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/epsbench/epsbench/emulator/config"
)

// A program that loads the library works in a directory of its own: paths are from the
// file's.
func TestPathsAreFromTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "epsemu.yaml")
	text := `format: epsbench.emulator/1
backend: {token: tokens}
slots: [{id: 1, label: eps, so_pin: {file: /run/so}, pin: {file: pin}}]
personality: our.yaml
fault: {scenario: ./faults/ours}
trace: {file: trace.jsonl}
control: {socket: "run/%p"}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.Backend.Token: "tokens", c.Slots[0].PIN.File: "pin", c.Personality: "our.yaml",
		c.Fault.Scenario: "faults/ours", c.Trace.File: "trace.jsonl", c.Control.Socket: "run/%p",
	} {
		if got != filepath.Join(dir, want) {
			t.Errorf("%s, not %s in %s", got, want, dir)
		}
	}
	if got := c.Slots[0].SOPIN.File; got != "/run/so" {
		t.Errorf("a whole path became %s", got)
	}
}

// Names are none, nor is a library that is installed nowhere, for which the loader is to look.
func TestNamesAreNoPaths(t *testing.T) {
	file := filepath.Join(t.TempDir(), "epsemu.yaml")
	text := `format: epsbench.emulator/1
backend: {module: libnowhere.so}
personality: luna-7
fault: {scenario: link-down}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Backend.Module != "libnowhere.so" || c.Personality != "luna-7" || c.Fault.Scenario != "link-down" || c.Trace.File != "" {
		t.Errorf("%+v", c)
	}
}

// A library is found by its name where distributions put it.
func TestALibraryIsFoundByItsName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "epsemu.yaml")
	if err := os.WriteFile(file, []byte("format: epsbench.emulator/1\nbackend: {module: libsofthsm2.so}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(c.Backend.Module); err != nil || !filepath.IsAbs(c.Backend.Module) || !info.Mode().IsRegular() {
		t.Errorf("%s, %v (not there? make deps)", c.Backend.Module, err)
	}
}

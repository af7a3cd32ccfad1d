package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sunPKCS11 is a configuration of Java's provider. What Java makes has no usages of its own.
const sunPKCS11 = `name = eps
library = %s
slotListIndex = 0
attributes(*,CKO_SECRET_KEY,*) = {
  CKA_ENCRYPT = true
  CKA_DECRYPT = true
}
attributes(*,CKO_SECRET_KEY,CKK_GENERIC_SECRET) = {
  CKA_SIGN = true
}
`

// Java has signals of its own, SIGSEGV for null pointers among them, and many threads: both
// go on beside the library's. While the program works it is asked for a dump of its threads.
func TestJava(t *testing.T) {
	for name, env := range map[string]func(*testing.T) []string{
		"on the token": environment,
		"in front of SoftHSM": func(t *testing.T) []string {
			return inFront(t, "backend: {module: "+softHSM+"}\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "eps.cfg")
			if err := os.WriteFile(config, fmt.Appendf(nil, sunPKCS11, built.library), 0o600); err != nil {
				t.Fatal(err)
			}
			// Java's first compiler finds every null pointer by SIGSEGV; the second stops to.
			c := exec.CommandContext(t.Context(), "java", "-XX:TieredStopAtLevel=1", "testdata/Program.java", config)
			c.Env = env(t)
			java(t, c)
		})
	}
}

func java(t *testing.T, c *exec.Cmd) {
	t.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatalf("%v (not there? make deps)", err)
	}
	var said strings.Builder
	done := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		switch {
		case lines.Text() == "working":
			err = c.Process.Signal(syscall.SIGQUIT)
		case strings.HasPrefix(lines.Text(), "Full thread dump"):
			_, err = in.Write([]byte("\n"))
		case lines.Text() == "done":
			done = true
		}
		if err != nil {
			t.Error(err)
		}
	}
	if err := c.Wait(); err != nil || !done {
		t.Errorf("%v\n%s", err, said.String())
	}
}

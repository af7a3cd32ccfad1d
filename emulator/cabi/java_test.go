package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// sunPKCS11 is a configuration of Java's provider. What Java makes has no usages of its own.
const sunPKCS11 = `name = eps
library = %s
slotListIndex = 0
%s
`

// usages are the lines of the README that give Java's keys their usages, as they stand there.
func usages(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range regexp.MustCompile("`(attributes\\(.*?\\} ?)`").FindAllSubmatch(readme, -1) {
		lines = append(lines, string(m[1]))
	}
	if len(lines) != 2 {
		t.Fatalf("the README has %d such lines: %q", len(lines), lines)
	}
	return strings.Join(lines, "\n")
}

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
			if err := os.WriteFile(config, fmt.Appendf(nil, sunPKCS11, built.library, usages(t)), 0o600); err != nil {
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

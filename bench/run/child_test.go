package run_test

import (
	"os"
	"os/exec"
	"testing"
)

// childOf starts this test binary as a child in the world of one more suite. Tests
// that run in parallel cannot share the environment.
func childOf(t *testing.T, also string) func() *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func() *exec.Cmd {
		return &exec.Cmd{Path: self, Args: []string{self, "child"}, Env: append(os.Environ(), "TOY_ALSO="+also)}
	}
}

package main

import (
	"strings"
	"testing"
)

// Several processes begin and work on one directory at once. In the end each has left its one
// key, and a later process finds them all.
func TestProcessesShareAToken(t *testing.T) {
	env := environment(t)
	names := []string{"first", "second", "third", "fourth"}
	t.Run("at once", func(t *testing.T) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				runs(t, env, built.program, built.library, "shares")
			})
		}
	})
	listed := runs(t, env, "pkcs11-tool", "--module", built.library, "--login", "--pin", "123456", "--list-objects")
	if n := strings.Count(listed, "shared"); n != len(names) {
		t.Errorf("%d of %d keys are left: %s", n, len(names), listed)
	}
}

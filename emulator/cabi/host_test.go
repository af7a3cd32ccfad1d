package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// A host in Go, through miekg/pkcs11, goes on as if there were no other Go in its process:
// see testdata/host.
func TestAGoProgram(t *testing.T) {
	host := filepath.Join(t.TempDir(), "host")
	if err := command("go", "build", "-buildvcs=false", "-o", host, "./testdata/host"); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"calls", "spins", "loads"} {
		t.Run(what, func(t *testing.T) {
			// Each takes a second or so; one that waits for ever has failed.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			t.Log(runsWithin(ctx, t, inMemory(t), host, built.library, what))
		})
	}
}

package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a program calls with whatever it gives, the library returns a code, and touches no
// memory that is not in the call: see testdata/hostile.c.
func FuzzHostileCalls(f *testing.F) {
	for seed := range 4 {
		f.Add(uint32(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint32) {
		hostile(t, built.hostile, built.library, seed, 200_000)
		hostile(t, built.hostile, built.library, seed, 20_000, "threads")
	})
}

func hostile(t *testing.T, args ...any) {
	t.Helper()
	line := make([]string, len(args))
	for i, arg := range args {
		line[i] = fmt.Sprint(arg)
	}
	// What it says about calls that fail is of no use here.
	env := append(inMemory(t), "EPSEMU_LOG="+filepath.Join(t.TempDir(), "log"))
	if out := runs(t, env, line[0], line[1:]...); !strings.Contains(out, " calls did something") {
		t.Error(out)
	}
}

// memcheck is what valgrind writes about a program.
type memcheck struct {
	Errors []struct {
		Kind  string   `xml:"kind"`
		Where []string `xml:"auxwhat"`
		Stack []string `xml:"stack>frame>fn"`
	} `xml:"error"`
}

// The same calls under memcheck: no byte beside a piece of the program's memory is read or
// written, and none is lost. Go moves its stacks itself, which memcheck cannot know: what it
// says of memory that is in no piece of the program's is about these.
func TestMemory(t *testing.T) {
	report := filepath.Join(t.TempDir(), "memcheck.xml")
	hostile(t, "valgrind", "--xml=yes", "--xml-file="+report, "--leak-check=full", built.hostile, built.library, 1, 3000, "heap")
	raw, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var found memcheck
	if err := xml.Unmarshal(raw, &found); err != nil {
		t.Fatal(err)
	}
	for _, e := range found.Errors {
		switch where := strings.Join(e.Where, " "); {
		case strings.Contains(where, " a block of size "):
		case e.Kind == "Leak_DefinitelyLost", e.Kind == "Leak_IndirectlyLost", strings.HasSuffix(e.Kind, "Free"):
		default:
			continue
		}
		t.Errorf("%s %q in %q", e.Kind, e.Where, e.Stack)
	}
}

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run/runtest"
)

// The scripts in testdata run this command in the world of package runtest: TOY_ALSO
// adds suites, TOY_IDLE adds mutants that survive, TOY_MARKER one that is killed at its second run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"epsbench": func() {
			r := runtest.Registry(strings.Fields(os.Getenv("TOY_ALSO"))...)
			if os.Getenv("TOY_IDLE") != "" {
				r = runtest.Idle(r)
			}
			if os.Getenv(runtest.Marker) != "" {
				r = runtest.Racing(r)
			}
			os.Exit(epsbench(r, os.Args[1:], os.Stdout, os.Stderr))
		},
		"emulated": emulated,
		// exits CODE COMMAND… asks for an exact exit code, which testscript cannot.
		"exits": exits,
		// valid FILE checks a report against the schema.
		"valid": func() {
			if _, err := report.Open(os.Args[1]); err != nil {
				os.Stderr.WriteString(err.Error() + "\n")
				os.Exit(1)
			}
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true})
}

// Every automated claim has a suite, and a mutant that it must catch.
func TestRegistryFits(t *testing.T) {
	if err := registry().Check(); err != nil {
		t.Error(err)
	}
}

package run_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/run/runtest"
)

func kill(t *testing.T, m run.Matrix, mutant string) run.Kill {
	t.Helper()
	for _, k := range m.Kills {
		if k.Mutant == mutant {
			return k
		}
	}
	t.Fatalf("mutant %q is not in the matrix", mutant)
	return run.Kill{}
}

func TestSelfcheckNamesTheCaseThatKilled(t *testing.T) {
	m, err := run.Selfcheck(t.Context(), runtest.Registry(), defaults(t, run.Config{Focus: "T-1"}), func(run.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	k := kill(t, m, runtest.Caught)
	if !k.Killed || k.Case != "good/answer/0" || !strings.Contains(k.Observed, "not forty-two") || k.Twin != "PASS" {
		t.Errorf("%+v", k)
	}
	if m.Exit() != report.ExitPass {
		t.Errorf("exit %d: %+v", m.Exit(), m)
	}
}

// A mutant that is killed at its second run is told apart from one that is killed at once,
// and from one that survives both.
func TestSelfcheckTellsWhatWasKilledAtTheSecondRun(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	t.Setenv(runtest.Marker, marker)
	m, err := run.Selfcheck(t.Context(), runtest.Racing(runtest.Idle(runtest.Registry())), defaults(t, run.Config{Focus: "T-1 || T-2"}), func(run.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marker); err != nil {
		t.Fatalf("the first run left no marker: %v", err)
	}
	for mutant, want := range map[string]struct{ killed, again bool }{
		runtest.Caught: {true, false}, runtest.Late: {true, true}, runtest.Survivor: {false, true},
	} {
		if k := kill(t, m, mutant); k.Killed != want.killed || k.Again != want.again {
			t.Errorf("%s: killed %v, at a second run %v, want %+v", mutant, k.Killed, k.Again, want)
		}
	}
	n := 0
	for _, k := range m.Kills {
		if k.Mutant == runtest.Late {
			n++
		}
	}
	if n != 1 {
		t.Errorf("two runs of one mutant are %d lines of the matrix", n)
	}
}

// A mutant that nobody catches, one that fails for another reason and one that does
// not start all survive, and each says why; a claim that kills nothing is idle.
func TestSelfcheckFindsSurvivorsAndIdleClaims(t *testing.T) {
	m, err := run.Selfcheck(t.Context(), runtest.Idle(runtest.Registry()), defaults(t, run.Config{}), func(run.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	for mutant, why := range map[string]string{
		runtest.Survivor: "PASS with the mutant", runtest.OtherCause: "not for the reason", runtest.Dead: "does not start",
	} {
		if k := kill(t, m, mutant); k.Killed || !strings.Contains(k.Why, why) {
			t.Errorf("%s: %+v, want %q", mutant, k, why)
		}
	}
	if strings.Join(m.Idle, " ") != "T-2 T-3" || m.Exit() != report.ExitFail || len(m.Survivors()) != 3 {
		t.Errorf("idle %v, exit %d", m.Idle, m.Exit())
	}
}

// A failure that the unmutated twin shows too proves nothing.
func TestSelfcheckNeedsAHealthyTwin(t *testing.T) {
	c := run.Config{Focus: "T-1"}
	c.Options.HSM = runtest.Broken
	m, err := run.Selfcheck(t.Context(), runtest.Registry(), defaults(t, c), func(run.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if k := kill(t, m, runtest.Caught); k.Killed || !strings.Contains(k.Why, "without the mutant") {
		t.Errorf("%+v", k)
	}
}

// A claim that does not apply to the target is neither idle nor survived; where there is
// no other, nothing was proven.
func TestSelfcheckLeavesToOtherTargetsWhatIsTheirs(t *testing.T) {
	for focus, exit := range map[string]int{"T-1 || T-2": report.ExitPass, "T-2": report.ExitIncomplete} {
		c := run.Config{Focus: focus}
		c.Options.HSM = runtest.Open
		m, err := run.Selfcheck(t.Context(), runtest.Idle(runtest.Registry()), defaults(t, c), func(run.Event) {})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(m.Elsewhere, " ") != "T-2" || len(m.Idle) != 0 || m.Exit() != exit {
			t.Errorf("%s: exit %d: %+v", focus, m.Exit(), m)
		}
	}
}

func TestRegistryCheck(t *testing.T) {
	r := runtest.Idle(runtest.Registry())
	if err := r.Check(); err == nil || !strings.Contains(err.Error(), "T-3") {
		t.Errorf("T-3 has no mutant, but Check says %v", err)
	}
	r.Mutants[0].Claims = append(r.Mutants[0].Claims, "T-3")
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	r.Mutants[0].Claims = []string{"T-4"}
	if err := r.Check(); err == nil {
		t.Error("a mutant of a claim that people judge went unseen")
	}
}

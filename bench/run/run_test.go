package run_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/run/runtest"
	"github.com/epsbench/epsbench/conformance"
)

// The test binary is its own child, as the command is. The world it lives in comes
// by the environment.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "child" {
		r := runtest.Registry(strings.Fields(os.Getenv("TOY_ALSO"))...)
		os.Exit(run.Child(runtest.Racing(runtest.Idle(r)), os.Stdin, os.NewFile(3, "records")))
	}
	os.Exit(m.Run())
}

// judge runs a toy world and gives the report.
func judge(t *testing.T, c run.Config, also ...string) (report.Report, error) {
	t.Helper()
	t.Setenv("TOY_ALSO", strings.Join(also, " "))
	return run.Run(t.Context(), runtest.Registry(also...), defaults(t, c), func(run.Event) {})
}

func defaults(t *testing.T, c run.Config) run.Config {
	c.Target, c.Out, c.Version = "reference", t.TempDir(), "v0"
	if c.Options.HSM == "" {
		c.Options.HSM = runtest.Healthy
	}
	c.Options.Profile, c.Options.Store, c.Options.Seed = conformance.Quick, "sqlite", 7
	return c
}

func claim(t *testing.T, r report.Report, id string) report.Claim {
	t.Helper()
	for _, c := range r.Claims {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no claim %s in the report", id)
	return report.Claim{}
}

func TestHealthyTargetPasses(t *testing.T) {
	r, err := judge(t, run.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.Exit != report.ExitPass || !r.Summary.Complete {
		t.Errorf("summary: %+v", r.Summary)
	}
	if n := len(claim(t, r, "T-1").Cases); n != 3 {
		t.Errorf("T-1 has %d cases, want 3", n)
	}
	want := map[string]conformance.Verdict{"T-1": "PASS", "T-2": "PASS", "T-3": "PASS", "T-4": "MANUAL", "T-5": "NOT-AUTOMATED"}
	for id, v := range want {
		if got := claim(t, r, id).Verdict; got != v {
			t.Errorf("%s: %s, want %s", id, got, v)
		}
	}
	if r.Run.Target["name"] != "toy EPS" || r.Run.HSM["kind"] != runtest.Healthy {
		t.Errorf("run: %+v", r.Run)
	}
}

// However a suite's process dies, its claims end in HARNESS-ERROR, the others are
// judged, and the reason says what happened.
func TestDeadChildren(t *testing.T) {
	for _, c := range []struct{ suite, says string }{
		{"exit", "exit status 0"},
		{"signal", "SIGSEGV"},
		{"panic", "panic: a stray goroutine"},
		{"nonsense", "record that cannot be read"},
		{"hang", "time limit"},
	} {
		t.Run(c.suite, func(t *testing.T) {
			t.Parallel()
			config := defaults(t, run.Config{Limit: time.Minute})
			if c.suite == "hang" {
				config.Limit = 2 * time.Second
			}
			world := runtest.Registry(c.suite)
			config.Command = childOf(t, c.suite)
			r, err := run.Run(t.Context(), world, config, func(run.Event) {})
			if err != nil {
				t.Fatal(err)
			}
			dead := claim(t, r, "T-"+c.suite)
			if dead.Verdict != conformance.HarnessError || !strings.Contains(dead.Reason, c.says) {
				t.Errorf("%s: %s, want HARNESS-ERROR with %q", dead.Verdict, dead.Reason, c.says)
			}
			if v := claim(t, r, "T-1").Verdict; v != conformance.Pass {
				t.Errorf("T-1 of another suite: %s", v)
			}
			if r.Summary.Exit != report.ExitHarness || r.Summary.Complete {
				t.Errorf("summary: %+v", r.Summary)
			}
		})
	}
}

func TestBlockedClaimLeavesTheRunIncomplete(t *testing.T) {
	r, err := judge(t, run.Config{}, "clock")
	if err != nil {
		t.Fatal(err)
	}
	c := claim(t, r, "T-clock")
	if c.Verdict != conformance.Blocked || !strings.Contains(c.Reason, "clock") {
		t.Errorf("%s: %s", c.Verdict, c.Reason)
	}
	if r.Summary.Exit != report.ExitIncomplete || r.Summary.Complete {
		t.Errorf("summary: %+v", r.Summary)
	}
}

func TestBrokenTargetFails(t *testing.T) {
	c := run.Config{}
	c.Options.HSM = runtest.Broken
	r, err := judge(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.Exit != report.ExitFail || claim(t, r, "T-1").Verdict != conformance.Fail {
		t.Errorf("summary: %+v", r.Summary)
	}
	if v := claim(t, r, "T-3").Verdict; v != conformance.Warn {
		t.Errorf("a SHOULD can only warn, but T-3 gives %s", v)
	}
}

func TestMissingTargetIsOneErrorWithAHint(t *testing.T) {
	c := run.Config{}
	c.Options.HSM = runtest.Missing
	c.Options.Store = "eps:secret@tcp(db)/eps"
	r, err := judge(t, c)
	var unusable *run.UnusableError
	if !errors.As(err, &unusable) || run.HintOf(err) != "is it installed?" {
		t.Fatalf("error %v, hint %q", err, run.HintOf(err))
	}
	if got := claim(t, r, "T-1"); r.Summary.Exit != report.ExitUnusable || got.Verdict != conformance.Blocked || !strings.Contains(got.Reason, "no such module") {
		t.Errorf("summary %+v, claim %+v", r.Summary, got)
	}
	if text, _ := r.Encode(); strings.Contains(string(text), "secret") {
		t.Error("the report has the password of the store")
	}
}

func TestFocus(t *testing.T) {
	r, err := judge(t, run.Config{Focus: "T-2"}, "exit")
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.Exit != report.ExitPass || r.Summary.Cases != 1 || r.Run.Focus != "T-2" {
		t.Errorf("run %+v summary %+v", r.Run, r.Summary)
	}
	outside := claim(t, r, "T-1")
	if outside.Verdict != conformance.Excluded || !outside.Unselected || outside.Reason == "" {
		t.Errorf("outside the focus: %+v", outside)
	}
	for _, wrong := range []string{"T-none", "((", "people"} {
		_, err := judge(t, run.Config{Focus: wrong})
		var usage *run.UsageError
		if !errors.As(err, &usage) || usage.Mend == "" {
			t.Errorf("--focus %q: %v, want a usage error with a hint", wrong, err)
		}
	}
}

// Ctrl-C: what was judged stays, the rest is excluded by the operator, and the run
// is incomplete.
func TestInterruptedRun(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	t.Setenv("TOY_ALSO", "hang")
	config := defaults(t, run.Config{Parallel: 2})
	var good atomic.Bool
	r, err := run.Run(ctx, runtest.Registry("hang"), config, func(e run.Event) {
		good.Store(good.Load() || e.Outcome != nil && e.Job.Family == "good")
		if good.Load() {
			interrupt()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := claim(t, r, "T-hang"); c.Verdict != conformance.Excluded || !strings.Contains(c.Reason, "operator") {
		t.Errorf("%s: %s", c.Verdict, c.Reason)
	}
	if claim(t, r, "T-1").Verdict != conformance.Pass || r.Summary.Exit != report.ExitIncomplete {
		t.Errorf("summary: %+v", r.Summary)
	}
}

func TestLogsAreKeptAndDirectoriesAreNot(t *testing.T) {
	c := defaults(t, run.Config{})
	var dir string
	_, err := run.Run(t.Context(), runtest.Registry(), c, func(e run.Event) {
		if e.Outcome != nil {
			dir = e.Outcome.Job.Options.Dir
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(c.Out, "logs", "good.log")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); dir == "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the child's directory %q: %v", dir, err)
	}
}

package crash_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
	"github.com/epsbench/epsbench/conformance/crash"
)

// The servers of the target are this program again.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == target.ServerCommand {
		if err := target.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "server process:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The reference EPS passes every claim of the family, and each point is reached.
func TestReferencePasses(t *testing.T) {
	on, err := target.Reference.Open(t.Context(), run.Options{HSM: "emulator", Store: "sqlite", Dir: t.TempDir(), Profile: conformance.Quick})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := on.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	var results []conformance.Result
	_, err = conformance.Run(crash.Family(conformance.Quick), on, "", 1, func(r conformance.Result) {
		results = append(results, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range catalogue.ByFamily("crash") {
		if v := conformance.Fold(c, results); c.Status == conformance.Automated && v != conformance.Pass {
			t.Errorf("%s: %s", c.ID, v)
		}
	}
	heard(t, results)
	for _, r := range results {
		if r.Verdict != conformance.Pass {
			t.Errorf("%s %s: %s", r.ID, r.Verdict, r.Observed)
		}
	}
}

// pointless is a target whose servers can be killed nowhere.
type pointless struct{ conformance.Target }

func (pointless) Identity() conformance.Identity {
	return conformance.Identity{Kind: conformance.KindEPS, Name: "pointless"}
}
func (pointless) Capabilities() conformance.Capabilities {
	return conformance.Capabilities{conformance.CanKill: true, conformance.CanActivate: true}
}
func (pointless) Divide(context.Context) (conformance.Divided, error) { return unbroken{}, nil }

type unbroken struct{ conformance.Divided }

func (unbroken) Points() []conformance.FaultPoint                   { return nil }
func (unbroken) Books(context.Context) ([]conformance.Entry, error) { return nil, nil }
func (unbroken) SetActivation(context.Context, bool) error          { return nil }
func (unbroken) Activate(context.Context, string, []byte) (conformance.Answer, error) {
	return conformance.Answer{}, nil
}

// Where nothing can be killed nothing is judged.
func TestNoPointIsNoPass(t *testing.T) {
	var results []conformance.Result
	_, err := conformance.Run(crash.Family(conformance.Quick), pointless{}, "", 1, func(r conformance.Result) {
		results = append(results, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range catalogue.ByFamily("crash") {
		if v := conformance.Fold(c, results); c.Status == conformance.Automated && v != conformance.Blocked {
			t.Errorf("%s: %s", c.ID, v)
		}
	}
}

// heard makes sure of what the points at the end of a call are for: before it nobody has an
// answer, after it every caller has.
func heard(t *testing.T, results []conformance.Result) {
	t.Helper()
	judged := 0
	for _, r := range results {
		if r.Table == nil {
			continue
		}
		rows, err := crash.Rows(*r.Table)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			listener, where, _ := strings.Cut(row.Point, ": ")
			if listener == "plugin" || !strings.Contains(where, "answer") || strings.Contains(where, "its answer") {
				continue
			}
			judged++
			want := 0
			if where == "after the answer has left" {
				want = row.Kills
			}
			if row.Acknowledged != want {
				t.Errorf("%s, %s: %d of %d callers had an answer, want %d", row.Operation, row.Point, row.Acknowledged, row.Kills, want)
			}
		}
	}
	if judged == 0 {
		t.Error("no point at the end of a call")
	}
}

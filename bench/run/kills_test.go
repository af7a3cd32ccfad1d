package run

import (
	"testing"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

// sheet is a table of kills with one row.
func sheet(kills, violations string) *conformance.Sheet {
	return &conformance.Sheet{Rows: [][]string{{"enrolment", "eps", "before the commit", kills, "1", "2", "0", violations}}}
}

func outcome(results ...conformance.Result) Outcome {
	return Outcome{Job: Job{Name: "crash-sqlite-1"}, Results: results, End: &End{Results: len(results)}}
}

// Rows of the same point on the same store are added up; a spec that judges two claims
// counts once.
func TestKillsAddUp(t *testing.T) {
	var k Kills
	twice := []conformance.Result{
		{Claim: "A", ID: "crash/spec", Verdict: conformance.Pass, Table: sheet("3", "0")},
		{Claim: "B", ID: "crash/spec", Verdict: conformance.Pass, Table: sheet("3", "0")},
	}
	k.take("sqlite", outcome(twice...))
	k.take("sqlite", outcome(twice...))
	k.take("mariadb", outcome(twice...))
	if len(k.Rows) != 2 || k.Rows[0].Kills != 6 || k.Rows[1].Kills != 3 || k.Total.Kills != 9 || k.Total.Acknowledged != 3 {
		t.Errorf("%+v", k)
	}
}

func TestKillsExit(t *testing.T) {
	pass := conformance.Result{ID: "crash/spec", Verdict: conformance.Pass, Table: sheet("3", "0")}
	for _, c := range []struct {
		name    string
		wanted  int
		outcome Outcome
		want    int
	}{
		{"enough, and all well", 3, outcome(pass), report.ExitPass},
		{"too few", 4, outcome(pass), report.ExitIncomplete},
		{"a violation", 3, outcome(pass, conformance.Result{ID: "crash/case", Verdict: conformance.Fail, Observed: "lost"}), report.ExitFail},
		{"a violation in the table only", 3, outcome(conformance.Result{ID: "crash/spec", Verdict: conformance.Pass, Table: sheet("3", "1")}), report.ExitFail},
		{"a point that was not reached", 3, outcome(pass, conformance.Result{ID: "crash/case", Verdict: conformance.HarnessError}), report.ExitHarness},
		{"a table that cannot be read", 3, outcome(pass, conformance.Result{ID: "crash/other", Verdict: conformance.Pass, Table: sheet("many", "0")}), report.ExitHarness},
		{"a child without an end", 3, Outcome{Results: []conformance.Result{pass}, Death: "killed"}, report.ExitHarness},
		{"a blocked claim", 3, outcome(pass, conformance.Result{ID: "crash/case", Verdict: conformance.Blocked}), report.ExitHarness},
	} {
		k := Kills{Wanted: c.wanted}
		if k.take("sqlite", c.outcome); k.Exit() != c.want {
			t.Errorf("%s: exit %d, want %d", c.name, k.Exit(), c.want)
		}
	}
}

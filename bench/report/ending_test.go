package report_test

import (
	"testing"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

// Precedence 4, 5, 1, 3, 0.
func TestEndings(t *testing.T) {
	equal, differs := &report.Diff{}, &report.Diff{Changes: []report.Change{{}}}
	for _, c := range []struct {
		name  string
		facts report.Facts
		exit  int
		word  string
	}{
		{"all met", report.Facts{Cases: 3, Must: 2, Met: 2}, 0, "PASS"},
		{"nothing executed", report.Facts{}, 3, "INCOMPLETE"},
		{"undecided", report.Facts{Cases: 3, Open: 1}, 3, "INCOMPLETE"},
		{"failed", report.Facts{Cases: 3, Fails: 1}, 1, "FAIL"},
		{"failed and undecided", report.Facts{Cases: 3, Fails: 1, Open: 1}, 1, "FAIL"},
		{"harness error and failed", report.Facts{Cases: 3, Errors: 1, Fails: 1}, 5, "HARNESS-ERROR"},
		{"unusable outweighs all", report.Facts{Unusable: true, Errors: 1, Fails: 1, Open: 1}, 4, "UNUSABLE"},
		{"equal to a failing baseline", report.Facts{Cases: 3, Fails: 1, Baseline: equal}, 0, "EQUAL"},
		{"equal to an incomplete one", report.Facts{Cases: 3, Open: 1, Baseline: equal}, 0, "EQUAL"},
		{"equal, but nothing executed", report.Facts{Baseline: equal}, 3, "INCOMPLETE"},
		{"better than the baseline", report.Facts{Cases: 3, Baseline: differs, Differs: 1}, 1, "DIFFERENT"},
		{"a baseline hides no harness error", report.Facts{Cases: 3, Errors: 1, Baseline: equal}, 5, "HARNESS-ERROR"},
	} {
		e, sentence := report.End(c.facts)
		if e.Exit != c.exit || e.Word != c.word || sentence == "" {
			t.Errorf("%s: %d %s %q, want %d %s", c.name, e.Exit, e.Word, sentence, c.exit, c.word)
		}
	}
}

// Which verdict of which claim makes a run incomplete, failed or broken.
func TestWhatAClaimDoesToTheRun(t *testing.T) {
	exits := map[conformance.Verdict][2]int{ // MUST, SHOULD
		conformance.Pass:           {0, 0},
		conformance.Warn:           {0, 0},
		conformance.Fail:           {1, 1},
		conformance.HarnessError:   {5, 5},
		conformance.Blocked:        {3, 0},
		conformance.Inconclusive:   {3, 0},
		conformance.Excluded:       {3, 0},
		conformance.NotImplemented: {0, 0},
		conformance.NotApplicable:  {0, 0},
		conformance.Manual:         {0, 0},
		conformance.Unautomated:    {0, 0},
	}
	passed := report.Claim{ID: "P", Level: conformance.Must, Verdict: conformance.Pass, Cases: []report.Case{{}}}
	for _, v := range conformance.Verdicts() {
		want, known := exits[v]
		if !known {
			t.Errorf("no row for %s", v)
		}
		for i, level := range []conformance.Level{conformance.Must, conformance.Should} {
			c := report.Claim{ID: "X", Level: level, Verdict: v}
			s := report.Summarise([]report.Claim{passed, c}, nil)
			complete := level == conformance.Should || want[i] != 3 && want[i] != 5
			if s.Exit != want[i] || s.Complete != complete {
				t.Errorf("%s %s: exit %d complete %v, want %d %v", level, v, s.Exit, s.Complete, want[i], complete)
			}
			c.Unselected = true
			if s := report.Summarise([]report.Claim{passed, c}, nil); s.Exit != 0 || !s.Complete {
				t.Errorf("%s %s outside the focus: exit %d", level, v, s.Exit)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	was := []report.Claim{
		{ID: "same", Verdict: "PASS"}, {ID: "worse", Verdict: "PASS"}, {ID: "gone", Verdict: "FAIL"}, {ID: "unasked", Verdict: "FAIL"},
		{ID: "first asked", Verdict: "EXCLUDED", Unselected: true},
		{ID: "case", Verdict: "FAIL", Cases: []report.Case{{ID: "a", Verdict: "FAIL"}, {ID: "b", Verdict: "PASS"}}},
	}
	is := []report.Claim{
		{ID: "same", Verdict: "PASS"}, {ID: "worse", Verdict: "FAIL"}, {ID: "unasked", Verdict: "EXCLUDED", Unselected: true},
		{ID: "case", Verdict: "FAIL", Cases: []report.Case{{ID: "a", Verdict: "FAIL"}, {ID: "c", Verdict: "FAIL"}}}, {ID: "new", Verdict: "PASS"},
		{ID: "first asked", Verdict: "FAIL"},
	}
	want := []string{"worse: PASS → FAIL", "case c: (none) → FAIL", "case b: PASS → (none)", "new: (none) → PASS", "first asked: (none) → FAIL", "gone: FAIL → (none)"}
	got := report.Compare(was, is).Changes
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i].String() != want[i] {
			t.Errorf("%s, want %s", got[i], want[i])
		}
	}
}

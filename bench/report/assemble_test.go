package report_test

import (
	"strings"
	"testing"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

func TestEveryRowOfTheCatalogueIsInTheReport(t *testing.T) {
	r := sample()
	rows := catalogue.All()
	if len(r.Claims) != len(rows) {
		t.Fatalf("%d claims, %d rows", len(r.Claims), len(rows))
	}
	total := 0
	for _, n := range r.Summary.Verdicts {
		total += n
	}
	if total != len(rows) || len(r.Summary.Verdicts) != len(conformance.Verdicts()) {
		t.Errorf("the verdicts count %d claims in %d words", total, len(r.Summary.Verdicts))
	}
	for i, row := range rows {
		if r.Claims[i].ID != row.ID || r.Claims[i].Verdict == "" {
			t.Errorf("row %d is %s, the report has %s with verdict %q", i, row.ID, r.Claims[i].ID, r.Claims[i].Verdict)
		}
	}
}

// How a row without or with results becomes a verdict.
func TestVerdictOfAClaim(t *testing.T) {
	never := func(conformance.Identity) bool { return false }
	result := func(v conformance.Verdict) conformance.Result {
		return conformance.Result{Claim: "X", ID: "x/1", Verdict: v, Observed: "seen"}
	}
	for _, c := range []struct {
		name    string
		row     conformance.Claim
		results []conformance.Result
		outside bool
		want    conformance.Verdict
		reason  string
	}{
		{"passed", conformance.Claim{Status: conformance.Automated}, []conformance.Result{result(conformance.Pass)}, false, conformance.Pass, "seen"},
		{"failed once in two", conformance.Claim{Status: conformance.Automated},
			[]conformance.Result{result(conformance.Pass), result(conformance.Fail)}, false, conformance.Fail, "seen (1 of 2 cases)"},
		{"passed twice", conformance.Claim{Status: conformance.Automated},
			[]conformance.Result{result(conformance.Pass), result(conformance.Pass)}, false, conformance.Pass, "2 of 2 cases passed"},
		{"nothing executed", conformance.Claim{Status: conformance.Automated}, nil, false, conformance.HarnessError, "no case of this claim was executed"},
		{"outside the focus", conformance.Claim{Status: conformance.Automated}, nil, true, conformance.Excluded, "not asked"},
		{"outside, but a shared spec judged it", conformance.Claim{Status: conformance.Automated},
			[]conformance.Result{result(conformance.Fail)}, true, conformance.Fail, "seen"},
		{"does not apply", conformance.Claim{Status: conformance.Automated, Only: never, Why: "no such thing"}, nil, false, conformance.NotApplicable, "no such thing"},
		{"for people", conformance.Claim{Status: conformance.Organisation, Collect: "a letter"}, nil, false, conformance.Manual, "a letter"},
		{"not built", conformance.Claim{Status: conformance.NotAutomated}, nil, false, conformance.Unautomated, "not automated yet"},
		{"never built", conformance.Claim{Status: conformance.NotAutomated, Why: "on the phone"}, nil, true, conformance.Unautomated, "on the phone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.row.ID, c.row.Level = "X", conformance.Must
			in := report.Input{Catalogue: []conformance.Claim{c.row}, Results: c.results}
			if c.outside {
				in.Unselected = map[string]string{"X": "not asked"}
			}
			got := report.Assemble(in).Claims[0]
			if got.Verdict != c.want || got.Reason != c.reason {
				t.Errorf("%s %q, want %s %q", got.Verdict, got.Reason, c.want, c.reason)
			}
			if got.Cases == nil {
				t.Error("cases must be a list, also an empty one")
			}
		})
	}
}

func TestShownClaimsDecideNothing(t *testing.T) {
	row := conformance.Claim{ID: "X", Level: conformance.Must, Status: conformance.Automated, Profile: conformance.Full}
	r := report.Assemble(report.Input{Catalogue: []conformance.Claim{row},
		Results: []conformance.Result{{Claim: "X", ID: "x/1", Verdict: conformance.NotApplicable, Observed: "shown here"}}})
	if c := r.Claims[0]; !c.Shown || c.Verdict != conformance.NotApplicable || !r.Summary.Complete {
		t.Errorf("%+v %+v", c, r.Summary)
	}
}

func TestCountsLine(t *testing.T) {
	line := report.Counts(sample().Claims)
	for _, part := range []string{"MUST ", " of ", "not automated ", "manual "} {
		if !strings.Contains(line, part) {
			t.Errorf("%q lacks %q", line, part)
		}
	}
}

// A family of which nothing applies says why, and another says nothing.
func TestWhyNothingApplies(t *testing.T) {
	row := func(v conformance.Verdict, reason string) report.Claim {
		return report.Claim{Status: conformance.Automated, Verdict: v, Reason: reason}
	}
	no := conformance.NotApplicable
	waiting := report.Claim{Status: conformance.NotAutomated, Verdict: conformance.Unautomated}
	if got := report.None([]report.Claim{row(no, "a"), row(no, "b"), row(no, "b"), waiting}); got != "b" {
		t.Errorf("got %q", got)
	}
	if got := report.None([]report.Claim{row(no, "a"), row(conformance.Pass, "seen")}); got != "" {
		t.Errorf("got %q where one claim applies", got)
	}
}

package conformance_test

import (
	"testing"

	"github.com/epsbench/epsbench/conformance"
)

func TestFold(t *testing.T) {
	const (
		pass, fail, warn, blocked = conformance.Pass, conformance.Fail, conformance.Warn, conformance.Blocked
	)
	for _, c := range []struct {
		status conformance.Status
		cases  []conformance.Verdict
		want   conformance.Verdict
	}{
		{conformance.Automated, []conformance.Verdict{pass, pass}, pass},
		{conformance.Automated, []conformance.Verdict{pass, warn}, warn},
		{conformance.Automated, []conformance.Verdict{warn, conformance.Inconclusive}, conformance.Inconclusive},
		{conformance.Automated, []conformance.Verdict{conformance.Inconclusive, blocked}, blocked},
		{conformance.Automated, []conformance.Verdict{blocked, conformance.HarnessError}, conformance.HarnessError},
		{conformance.Automated, []conformance.Verdict{conformance.HarnessError, fail, pass}, fail},
		{conformance.Automated, []conformance.Verdict{conformance.NotApplicable, pass}, pass},
		{conformance.Automated, []conformance.Verdict{conformance.NotImplemented, conformance.NotApplicable}, conformance.NotImplemented},
		{conformance.Automated, nil, conformance.Excluded},
		{conformance.NotAutomated, nil, conformance.Unautomated},
		{conformance.Organisation, nil, conformance.Manual},
	} {
		claim := conformance.Claim{ID: "A", Status: c.status}
		results := []conformance.Result{{Claim: "another", Verdict: fail}}
		for _, v := range c.cases {
			results = append(results, conformance.Result{Claim: "A", Verdict: v})
		}
		if got := conformance.Fold(claim, results); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.status, c.cases, got, c.want)
		}
	}
}

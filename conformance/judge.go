package conformance

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

// scope is what was recorded of one case, or of a spec outside its cases.
type scope struct {
	text     string // of a case; empty: the spec itself
	observed []string
	series   *Series
	table    *Sheet
	ruling   *ruling
	failure  string
	took     time.Duration
}

// scopes splits the entries of a spec into the spec's own and its cases'.
func scopes(entries types.ReportEntries) (spec *scope, cases []*scope) {
	spec = &scope{}
	now := spec
	for _, e := range entries {
		switch v := e.Value.GetRawValue().(type) {
		case observation:
			now.observed = append(now.observed, string(v))
		case Series:
			now.series = &v
		case Sheet:
			now.table = &v
		case ruling:
			now.ruling = &v
		case caseBegin:
			now = &scope{text: string(v)}
			cases = append(cases, now)
		case caseEnd:
			now.failure, now.took = v.failure, v.took
			now = spec
		}
	}
	return spec, cases
}

// judge gives the results of one claim in one spec: one for each case, and one for the
// spec where it had no cases, did not end well outside them, or has a table of its own.
func judge(f Family, c Claim, t Target, report types.SpecReport) []Result {
	own, cases := scopes(report.ReportEntries)
	own.took = report.RunTime
	id := specID(f.Name, report)
	var results []Result
	for _, s := range cases {
		r := s.result(c, caseID(id, s.text), sentence(report)+": "+s.text)
		results = append(results, f.adjust(c, t, r))
	}
	if len(cases) > 0 && own.table == nil && report.State.Is(types.SpecStatePassed) {
		return results
	}
	own.end(report)
	r := own.result(c, id, sentence(report))
	return append(results, f.adjust(c, t, r))
}

// end takes over how ginkgo says the spec ended.
func (s *scope) end(report types.SpecReport) {
	failure := report.Failure
	where := fmt.Sprintf("%s:%d", filepath.Base(failure.Location.FileName), failure.Location.LineNumber)
	switch {
	case report.State.Is(types.SpecStatePassed) || s.ruling != nil && report.State.Is(types.SpecStateSkipped):
	case report.State.Is(types.SpecStatePanicked):
		s.ruling = &ruling{HarnessError, fmt.Sprintf("the spec panicked at %s: %s", where, failure.ForwardedPanic)}
	case report.State.Is(types.SpecStateFailed|types.SpecStateTimedout) && inCleanup(failure):
		s.ruling = &ruling{HarnessError, "cleaning up: " + failure.Message}
	case report.State.Is(types.SpecStateFailed | types.SpecStateTimedout):
		s.ruling, s.failure = nil, failure.Message
	case report.State.Is(types.SpecStateSkipped) && report.IsInOrderedContainer:
		s.ruling = &ruling{Blocked, "an earlier step did not pass"}
	case report.State.Is(types.SpecStateSkipped):
		s.ruling = &ruling{HarnessError, "the spec was skipped without a verdict at " + where}
	default:
		s.ruling = &ruling{HarnessError, "the spec was cut short: " + report.State.String()}
	}
}

func inCleanup(f types.Failure) bool {
	return f.FailureNodeType.Is(types.NodeTypeAfterEach | types.NodeTypeJustAfterEach | types.NodeTypeAfterAll |
		types.NodeTypeCleanupAfterEach | types.NodeTypeCleanupAfterAll)
}

func (s *scope) result(c Claim, id, expected string) Result {
	r := Result{Claim: c.ID, ID: id, Verdict: Pass, Seconds: s.took.Seconds(), Series: s.series, Table: s.table}
	observed := s.observed
	switch {
	case s.failure != "":
		r.Verdict, r.Expected, r.Failed = Fail, expected, oneLine(strings.Replace(s.failure, "\nUnexpected error:", ";\nunexpected error:", 1))
		observed = append(observed, r.Failed)
	case s.ruling != nil:
		r.Verdict = s.ruling.verdict
		observed = append(observed, oneLine(s.ruling.reason))
	}
	r.Observed = strings.Join(observed, "; ")
	return r
}

// adjust applies what the claim itself says about verdicts.
func (f Family) adjust(c Claim, t Target, r Result) Result {
	if v, reason := c.Admit(t); v == NotApplicable {
		r.Verdict, r.Observed, r.Expected, r.Failed = v, reason, "", ""
	}
	if r.Verdict == Fail && c.Level == Should {
		r.Verdict = Warn
	}
	if shown := c.Profile == Full && f.Profile != Full && f.Profile != CSPN && !f.Strict; shown && r.Verdict != HarnessError && r.Verdict != Blocked {
		r.Verdict, r.Observed = NotApplicable, "shown here, judged in profile full: "+r.Observed
	}
	return r
}

// sentence is what a spec says, without the family's name.
func sentence(report types.SpecReport) string {
	words := report.ContainerHierarchyTexts
	if len(words) > 0 {
		words = words[1:]
	}
	return strings.Join(append(append([]string{}, words...), report.LeafNodeText), " ")
}

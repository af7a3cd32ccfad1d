package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/onsi/ginkgo/v2/reporters"

	"github.com/epsbench/epsbench/conformance"
)

// JUnit writes the report in JUnit's form: a suite for each family, a test case
// for each case, and one for each claim that has none. A FAIL carries <failure>,
// a HARNESS-ERROR <error>; whatever was not decided carries <skipped> and why.
func (r Report) JUnit(w io.Writer) error {
	all := reporters.JUnitTestSuites{Time: r.Run.Seconds}
	index := map[string]int{}
	for _, c := range r.Claims {
		i, known := index[c.Family]
		if !known {
			i = len(all.TestSuites)
			index[c.Family] = i
			all.TestSuites = append(all.TestSuites, r.suite(c.Family))
		}
		s := &all.TestSuites[i]
		for _, tc := range testCases(c) {
			add(s, tc)
		}
	}
	if r.Summary.Exit == ExitUnusable { // without it, a CI would see tests that were left out, and none that went wrong
		s := r.suite("target")
		add(&s, reporters.JUnitTestCase{Name: "the target can be used", Classname: "target", Status: r.Summary.Word,
			Error: &reporters.JUnitError{Message: r.Summary.Sentence, Type: "unusable", Description: printable(r.Summary.Reason)}})
		all.TestSuites = append(all.TestSuites, s)
	}
	for _, s := range all.TestSuites {
		all.Tests += s.Tests
		all.Disabled += s.Skipped
		all.Errors += s.Errors
		all.Failures += s.Failures
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return e.Close()
}

func (r Report) suite(family string) reporters.JUnitTestSuite {
	name := family
	if name == "" {
		name = "no family"
	}
	return reporters.JUnitTestSuite{
		Name: name, Package: "epsbench", Timestamp: r.Run.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: reporters.JUnitProperties{Properties: []reporters.JUnitProperty{
			{Name: "target", Value: r.Run.Target["name"] + " " + r.Run.Target["version"]},
			{Name: "profile", Value: r.Run.Profile},
			{Name: "seed", Value: fmt.Sprint(r.Run.Seed)},
		}},
	}
}

func testCases(c Claim) []reporters.JUnitTestCase {
	if len(c.Cases) == 0 {
		return []reporters.JUnitTestCase{testCase(c, Case{ID: c.ID, Verdict: c.Verdict, Observed: c.Reason})}
	}
	var out []reporters.JUnitTestCase
	for _, k := range c.Cases {
		out = append(out, testCase(c, k))
	}
	return out
}

func testCase(c Claim, k Case) reporters.JUnitTestCase {
	tc := reporters.JUnitTestCase{
		Name: printable(k.ID + " " + c.Title), Classname: c.Family + "." + c.ID, Status: string(k.Verdict), Time: k.Seconds,
	}
	message := printable(k.Observed)
	verdict := k.Verdict
	if verdict == conformance.Fail && c.Verdict != conformance.Fail {
		verdict = c.Verdict // a SHOULD can only warn; a shown claim is not judged
	}
	switch verdict {
	case conformance.Pass:
	case conformance.Warn:
		tc.SystemOut = "WARN: " + message
	case conformance.Fail:
		tc.Failure = &reporters.JUnitFailure{Message: message, Type: "failed",
			Description: printable(fmt.Sprintf("claim    %s (%s)\nexpected %s\nobserved %s", c.ID, c.Source, k.Expected, k.Observed))}
	case conformance.HarnessError:
		tc.Error = &reporters.JUnitError{Message: message, Type: "harness"}
	default:
		tc.Skipped = &reporters.JUnitSkipped{Message: printable(string(verdict) + ": " + k.Observed)}
	}
	return tc
}

func add(s *reporters.JUnitTestSuite, tc reporters.JUnitTestCase) {
	s.Tests++
	s.Time += tc.Time
	if tc.Failure != nil {
		s.Failures++
	}
	if tc.Error != nil {
		s.Errors++
	}
	if tc.Skipped != nil {
		s.Skipped++
	}
	s.TestCases = append(s.TestCases, tc)
}

// printable replaces what XML 1.0 cannot carry: a target's answer may hold anything.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(s, "·"))
}

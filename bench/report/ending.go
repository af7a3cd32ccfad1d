package report

import (
	"fmt"

	"github.com/epsbench/epsbench/conformance"
)

// Exit codes of epsbench.
const (
	ExitPass       = 0
	ExitFail       = 1
	ExitUsage      = 2
	ExitIncomplete = 3
	ExitUnusable   = 4
	ExitHarness    = 5
)

// Facts is all that decides how a run ends.
type Facts struct {
	Unusable bool  // the target could not be opened: nothing was judged
	Cases    int   // executed
	Baseline *Diff // nil: none was given
	Must     int   // selected MUST claims that were judged
	Met      int   // of those: not failed, and complete
	Fails    int   // claims that failed
	Errors   int   // claims that ended in HARNESS-ERROR
	Open     int   // selected MUST claims that decide nothing yet
	Differs  int   // lines of the baseline's difference
	Waiting  int   // MUST claims that this bench does not judge yet
	People   int   // MUST claims for which people bring evidence
}

// Ending is one way to end a run.
type Ending struct {
	Exit  int
	Word  string
	holds func(Facts) bool
	say   func(Facts) string
}

// Endings are tried in order; the first that holds gives the exit code
// (precedence 4, 5, 1, 3, 0). A run that executed nothing is never a success.
var endings = []Ending{
	{ExitUnusable, "UNUSABLE", func(f Facts) bool { return f.Unusable },
		func(Facts) string { return "The target could not be used; nothing was judged." }},
	{ExitHarness, "HARNESS-ERROR", func(f Facts) bool { return f.Errors > 0 },
		func(f Facts) string {
			return fmt.Sprintf("The bench itself failed on %s: nothing can be said about %s.", claims(f.Errors), them(f.Errors))
		}},
	{ExitFail, "DIFFERENT", func(f Facts) bool { return f.Differs > 0 },
		func(f Facts) string {
			return fmt.Sprintf("%s from the baseline, for better or worse.", differ(f.Differs))
		}},
	{ExitIncomplete, "INCOMPLETE", func(f Facts) bool { return f.Cases == 0 },
		func(Facts) string { return "No case was executed, so nothing was judged." }},
	{ExitPass, "EQUAL", func(f Facts) bool { return f.Baseline != nil },
		func(Facts) string {
			return "Equal to baseline, not conformity: every verdict is the one that was known."
		}},
	{ExitFail, "FAIL", func(f Facts) bool { return f.Fails > 0 },
		func(f Facts) string {
			return fmt.Sprintf("%s not met; %d of %d binding claims hold.", were(f.Fails), f.Met, f.Must)
		}},
	{ExitIncomplete, "INCOMPLETE", func(f Facts) bool { return f.Open > 0 },
		func(f Facts) string {
			return fmt.Sprintf("Nothing failed, but %s could not be decided.", claims(f.Open))
		}},
	{ExitPass, "PASS", func(Facts) bool { return true },
		func(f Facts) string {
			met := fmt.Sprintf("All %d binding claims that were judged are met", f.Must)
			if f.Must == 1 {
				met = "The one binding claim that was judged is met"
			}
			if f.Waiting+f.People == 0 {
				return met + "."
			}
			return fmt.Sprintf("%s; %d more are not automated, %d are for people.", met, f.Waiting, f.People)
		}},
}

// End finds the ending that the facts ask for, and says it in a sentence.
func End(f Facts) (e Ending, sentence string) {
	for _, e := range endings {
		if e.holds(f) {
			return e, e.say(f)
		}
	}
	panic("report: the last ending always holds")
}

// undecided are the verdicts that leave a selected MUST undecided.
var undecided = map[conformance.Verdict]bool{
	conformance.Blocked:      true,
	conformance.Excluded:     true,
	conformance.Inconclusive: true,
	conformance.HarnessError: true,
}

// uncounted are the verdicts that no execution can give or take.
var uncounted = map[conformance.Verdict]bool{
	conformance.Manual:         true,
	conformance.Unautomated:    true,
	conformance.NotApplicable:  true,
	conformance.NotImplemented: true,
}

// Count gathers the facts that stand in the claims.
func Count(cs []Claim) Facts {
	var f Facts
	for _, c := range cs {
		f.Cases += len(c.Cases)
		if c.Unselected {
			continue
		}
		if c.Verdict == conformance.Fail {
			f.Fails++
		}
		if c.Verdict == conformance.HarnessError {
			f.Errors++
		}
		if c.Level != conformance.Must {
			continue
		}
		switch c.Verdict {
		case conformance.Unautomated:
			f.Waiting++
		case conformance.Manual:
			f.People++
		}
		if uncounted[c.Verdict] {
			continue
		}
		f.Must++
		switch {
		case undecided[c.Verdict]:
			f.Open++
		case c.Verdict != conformance.Fail:
			f.Met++
		}
	}
	return f
}

func claims(n int) string {
	if n == 1 {
		return "1 claim"
	}
	return fmt.Sprintf("%d claims", n)
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

func were(n int) string {
	if n == 1 {
		return "1 claim is"
	}
	return fmt.Sprintf("%d claims are", n)
}

func differ(n int) string {
	if n == 1 {
		return "1 verdict differs"
	}
	return fmt.Sprintf("%d verdicts differ", n)
}

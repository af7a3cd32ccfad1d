package conformance

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// What follows is for the bodies of specs. Everything is kept as ginkgo report entries of
// the spec that runs, and read from there by judge.

// Claims decorates a spec, or a container of specs, with the claims that it judges.
func Claims(ids ...string) ginkgo.Labels { return ginkgo.Label(ids...) }

// Observe records what was seen, a sentence or a part of one, for the report. It must not
// hold a secret. In a failing case the failure is added to it.
func Observe(format string, args ...any) {
	ginkgo.AddReportEntry("observed", observation(fmt.Sprintf(format, args...)))
}

// SetClock sets the target's clock until the spec ends.
func SetClock(t Target, to time.Time) {
	clock := t.(Clock)
	ginkgo.DeferCleanup(clock.SetClock, time.Time{})
	clock.SetClock(to)
}

// Now is the target's time, where its clock can be set, or else the machine's.
func Now(t Target) time.Time {
	if clock, ok := t.(Clock); ok && t.Capabilities()[CanSetClock] {
		return clock.Now()
	}
	return time.Now()
}

// Together calls f, which may assert, for 0 … n−1 at the same time and gives the results in
// that order. An assertion that fails in one ends the spec when all are done.
func Together[T any](n int, f func(i int) T) []T {
	ginkgo.GinkgoHelper()
	results := make([]T, n)
	var passed atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			defer ginkgo.GinkgoRecover()
			results[i] = f(i)
			passed.Add(1)
		})
	}
	all.Wait()
	if int(passed.Load()) < n {
		ginkgo.Fail("not all of what ran at the same time has passed") // what failed first is what is reported
	}
	return results
}

// Plot gives the report numbers to draw.
func Plot(s Series) { ginkgo.AddReportEntry("series", s) }

// Undecided ends the case as INCONCLUSIVE: what was seen does not decide it.
func Undecided(format string, args ...any) { rule(Inconclusive, fmt.Sprintf(format, args...)) }

// Block ends the case as BLOCKED: something that it needs is missing, named here.
func Block(format string, args ...any) { rule(Blocked, fmt.Sprintf(format, args...)) }

// Undeclared ends the case as NOT-IMPLEMENTED: the target does not have this optional
// part and never said that it has.
func Undeclared(format string, args ...any) { rule(NotImplemented, fmt.Sprintf(format, args...)) }

// Limit ends the case as WARN: the target does what its text says, and the text itself does
// not give what is asked. The limit is one that the target's documentation states; the
// reason names it.
func Limit(format string, args ...any) { rule(Warn, fmt.Sprintf(format, args...)) }

// Broken ends the case as HARNESS-ERROR: the bench itself could not do what it had to.
func Broken(format string, args ...any) { rule(HarnessError, fmt.Sprintf(format, args...)) }

// Case runs f as a case of its own within a spec: a failed assertion in it fails this case
// and lets the spec go on to the next. Its id is the text if that is an id already, else
// the id of the spec with the text behind it. Cases follow each other; they do not nest, and
// assertions of other goroutines do not belong in one.
func Case(text string, f func()) {
	ginkgo.GinkgoHelper()
	ginkgo.AddReportEntry("case", caseBegin(text))
	start, failure := time.Now(), ""
	defer func() {
		ruled := recover()
		ginkgo.AddReportEntry("case", caseEnd{failure: failure, took: time.Since(start)})
		if _, ok := ruled.(endOfCase); ruled != nil && !ok {
			panic(ruled)
		}
	}()
	if err := gomega.InterceptGomegaFailure(f); err != nil {
		failure = err.Error()
	}
}

// Entries of a spec's report.
type (
	observation string
	caseBegin   string
	caseEnd     struct {
		failure string
		took    time.Duration
	}
	ruling struct {
		verdict Verdict
		reason  string
	}
	endOfCase struct{} // what a ruling panics with inside a case
)

// rule gives a verdict without an assertion, and ends the case or else the spec.
func rule(v Verdict, reason string) {
	ginkgo.AddReportEntry("ruling", ruling{v, reason})
	if caseIsOpen() {
		panic(endOfCase{})
	}
	ginkgo.Skip(reason)
}

func caseIsOpen() bool {
	open := false
	for _, e := range ginkgo.CurrentSpecReport().ReportEntries {
		switch e.Value.GetRawValue().(type) {
		case caseBegin:
			open = true
		case caseEnd:
			open = false
		}
	}
	return open
}

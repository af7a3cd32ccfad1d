package conformance_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/epsbench/epsbench/conformance"
)

// target has only what a test of Run asks about.
type target struct {
	kind conformance.Kind
	can  conformance.Capabilities
}

func (t target) Identity() conformance.Identity {
	return conformance.Identity{Kind: t.kind, Name: "toy"}
}
func (t target) Capabilities() conformance.Capabilities { return t.can }
func (t target) Close() error                           { return nil }

var toy = target{kind: conformance.KindEPS, can: conformance.Capabilities{conformance.CanEnrol: true}}

var claims = []conformance.Claim{
	{ID: "A", Level: conformance.Must},
	{ID: "B", Level: conformance.Must},
	{ID: "RGS-RècomB", Level: conformance.Should},
	{ID: "needs-enrolment", Needs: []conformance.Capability{conformance.CanEnrol}},
	{ID: "needs-clock", Needs: []conformance.Capability{conformance.CanEnrol, conformance.CanSetClock}},
	{ID: "never", Why: "there is no such thing here", Only: func(conformance.Identity) bool { return false }},
	{ID: "of-modules", Target: conformance.KindModule},
	{ID: "statistics", Profile: conformance.Full},
}

// family is a family called toy with the given specs in it.
func family(specs func()) conformance.Family {
	return conformance.Family{Name: "toy", Claims: claims, Specs: func(conformance.Target) { specs() }}
}

// run gives the results of a family, in order.
func run(t *testing.T, f conformance.Family, on conformance.Target, filter string) []conformance.Result {
	t.Helper()
	var results []conformance.Result
	_, err := conformance.Run(f, on, filter, 1, func(r conformance.Result) { results = append(results, r) })
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// What a profile only shows is judged all the same where mutants have to be caught.
func TestStrictJudgesWhatIsShown(t *testing.T) {
	f := family(func() {
		ginkgo.It("counts", conformance.Claims("statistics"), func() { Expect(1).To(Equal(2)) })
	})
	f.Strict = true
	if got := run(t, f, toy, ""); len(got) != 1 || got[0].Verdict != conformance.Fail {
		t.Errorf("%+v", got)
	}
}

// one is the only result of a family with one spec.
func one(t *testing.T, claim string, body any) conformance.Result {
	t.Helper()
	results := run(t, family(func() { ginkgo.It("does what it says", conformance.Claims(claim), body) }), toy, "")
	if len(results) != 1 {
		t.Fatalf("%d results: %+v", len(results), results)
	}
	return results[0]
}

// How a spec ends decides the verdict.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, claim string
		body        any
		want        conformance.Verdict
		observed    string // part of what the result says
	}{
		{"an assertion that holds", "A", func() { Expect(1).To(Equal(1)) }, conformance.Pass, ""},
		{"an assertion that does not", "A", func() { Expect(1).To(Equal(2)) }, conformance.Fail, "Expected 1 to equal 2"},
		{"the same of a SHOULD", "RGS-RècomB", func() { Expect(1).To(Equal(2)) }, conformance.Warn, "Expected 1 to equal 2"},
		{"a time-out", "A", ginkgo.NodeTimeout(time.Millisecond), conformance.Fail, "timeout"},
		{"a panic", "A", func() { panic("lost") }, conformance.HarnessError, "lost"},
		{"an unmet need", "needs-clock", func() { panic("ran") }, conformance.Blocked, "clock"},
		{"a met need", "needs-enrolment", func() {}, conformance.Pass, ""},
		{"a predicate", "never", func() { panic("ran") }, conformance.NotApplicable, "no such thing"},
		{"an undecided text", "A", func() { conformance.Undecided("the text says both") }, conformance.Inconclusive, "says both"},
		{"a missing part", "A", func() { conformance.Block("no %s", "database") }, conformance.Blocked, "no database"},
		{"an optional part", "A", func() { conformance.Undeclared("no OCRA") }, conformance.NotImplemented, "no OCRA"},
		{"a broken bench", "A", func() { conformance.Broken("disk full") }, conformance.HarnessError, "disk full"},
		{"a bare skip", "A", func() { ginkgo.Skip("later") }, conformance.HarnessError, "without a verdict"},
		{"a failure of cleaning up", "A", func() { ginkgo.DeferCleanup(func() { Expect(1).To(Equal(2)) }) }, conformance.HarnessError, "cleaning up"},
		{"statistics outside the full profile", "statistics", func() { Expect(1).To(Equal(2)) }, conformance.NotApplicable, "judged in profile full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got conformance.Result
			if timeout, ok := c.body.(ginkgo.NodeTimeout); ok {
				got = timedOut(t, timeout)
			} else {
				got = one(t, c.claim, c.body)
			}
			if got.Verdict != c.want {
				t.Errorf("%s, want %s (%s)", got.Verdict, c.want, got.Observed)
			}
			if !strings.Contains(got.Observed, c.observed) {
				t.Errorf("observed %q, want %q in it", got.Observed, c.observed)
			}
			if got.ID != "toy/does-what-it-says" {
				t.Errorf("id %q", got.ID)
			}
		})
	}
}

func timedOut(t *testing.T, d ginkgo.NodeTimeout) conformance.Result {
	t.Helper()
	return run(t, family(func() {
		ginkgo.It("does what it says", conformance.Claims("A"), d, func(ctx context.Context) {
			<-ctx.Done()
		})
	}), toy, "")[0]
}

func TestModuleClaimsApplyToModulesAndEPS(t *testing.T) {
	f := family(func() { ginkgo.It("runs", conformance.Claims("of-modules"), func() {}) })
	for kind, want := range map[conformance.Kind]conformance.Verdict{
		conformance.KindModule:     conformance.Pass,
		conformance.KindEPS:        conformance.Pass,
		conformance.KindAuthServer: conformance.NotApplicable,
	} {
		if got := run(t, f, target{kind: kind}, "")[0]; got.Verdict != want {
			t.Errorf("%s: %s, want %s", kind, got.Verdict, want)
		}
	}
}

// A spec with two claims gives each a result; the one that does not apply says so.
func TestOneSpecManyClaims(t *testing.T) {
	f := family(func() { ginkgo.It("runs", conformance.Claims("A", "never"), func() { Expect(1).To(Equal(2)) }) })
	got := run(t, f, toy, "")
	if len(got) != 2 || got[0].Verdict != conformance.Fail || got[1].Verdict != conformance.NotApplicable {
		t.Errorf("%+v", got)
	}
}

// A case within a spec fails alone, and keeps its observations to itself.
func TestCases(t *testing.T) {
	got := run(t, family(func() {
		ginkgo.It("counts", conformance.Claims("A"), func() {
			conformance.Case("rfc0000/1", func() { conformance.Observe("one") })
			conformance.Case("rfc0000/2", func() { conformance.Observe("two"); Expect(2).To(Equal(3)) })
			conformance.Case("the third", func() { conformance.Undecided("three or four") })
			conformance.Case("rfc0000/4", func() { conformance.Plot(conformance.Series{Name: "n"}) })
		})
	}), toy, "")
	want := []conformance.Result{
		{ID: "rfc0000/1", Verdict: conformance.Pass, Observed: "one"},
		{ID: "rfc0000/2", Verdict: conformance.Fail, Observed: "two; Expected 2 to equal 3", Expected: "counts: rfc0000/2"},
		{ID: "toy/counts/the-third", Verdict: conformance.Inconclusive, Observed: "three or four"},
		{ID: "rfc0000/4", Verdict: conformance.Pass},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		g := got[i]
		if g.ID != w.ID || g.Verdict != w.Verdict || g.Observed != w.Observed || g.Expected != w.Expected {
			t.Errorf("case %d: %+v, want %+v", i, g, w)
		}
	}
	if got[3].Series == nil || got[3].Series.Name != "n" {
		t.Error("the series is not with its case")
	}
}

// A panic between cases is a result of the spec, beside those that its cases gave.
func TestPanicBetweenCases(t *testing.T) {
	got := run(t, family(func() {
		ginkgo.It("counts", conformance.Claims("A"), func() {
			conformance.Case("first", func() {})
			panic("lost")
		})
	}), toy, "")
	if len(got) != 2 || got[0].Verdict != conformance.Pass || got[1].Verdict != conformance.HarnessError {
		t.Errorf("%+v", got)
	}
}

// The steps of a story after one that failed are blocked, not passed and not lost.
func TestStepsAfterAFailure(t *testing.T) {
	got := run(t, family(func() {
		ginkgo.Describe("a story", ginkgo.Ordered, func() {
			ginkgo.It("starts", conformance.Claims("A"), func() { Expect(1).To(Equal(2)) })
			ginkgo.It("ends", conformance.Claims("B"), func() {})
		})
	}), toy, "")
	if len(got) != 2 || got[0].Verdict != conformance.Fail || got[1].Verdict != conformance.Blocked {
		t.Errorf("%+v", got)
	}
	if got[0].Expected != "a story starts" {
		t.Errorf("expected %q", got[0].Expected)
	}
}

func TestFilterSelects(t *testing.T) {
	f := family(func() {
		ginkgo.It("is first", conformance.Claims("A"), func() {})
		ginkgo.It("is second", conformance.Claims("RGS-RècomB"), func() {})
	})
	for filter, want := range map[string]int{"": 2, "A": 1, "RGS-RècomB": 1, "A || RGS-RècomB": 2, "!A": 1, "toy": 2} {
		if got := len(run(t, f, toy, filter)); got != want {
			t.Errorf("%q selects %d, want %d", filter, got, want)
		}
	}
}

// The same family runs again in the same process, as often as one likes.
func TestRunAgain(t *testing.T) {
	bodies := 0
	f := family(func() { ginkgo.It("runs", conformance.Claims("A"), func() { bodies++ }) })
	for range 3 {
		if got := run(t, f, toy, ""); len(got) != 1 || got[0].Verdict != conformance.Pass {
			t.Fatalf("%+v", got)
		}
	}
	if bodies != 3 {
		t.Errorf("the body ran %d times", bodies)
	}
}

// What could pass without having judged anything is an error.
func TestRefusals(t *testing.T) {
	a := conformance.Claims("A")
	for name, c := range map[string]struct {
		specs  func()
		filter string
		want   error
	}{
		"bad filter":        {func() { ginkgo.It("runs", a, func() {}) }, "A && (", conformance.ErrFilter},
		"nothing selected":  {func() { ginkgo.It("runs", a, func() {}) }, "B", conformance.ErrNoSpecs},
		"no spec":           {func() {}, "", conformance.ErrNoSpecs},
		"focused":           {func() { ginkgo.FIt("runs", a, func() {}); ginkgo.It("waits", a, func() {}) }, "", conformance.ErrFamily},
		"focused container": {func() { ginkgo.FDescribe("f", func() { ginkgo.It("runs", a, func() {}) }) }, "", conformance.ErrFamily},
		"pending":           {func() { ginkgo.PIt("waits", a, func() {}) }, "", conformance.ErrFamily},
		"no claim":          {func() { ginkgo.It("runs", func() {}) }, "", conformance.ErrFamily},
		"unknown claim":     {func() { ginkgo.It("runs", conformance.Claims("A", "C"), func() {}) }, "", conformance.ErrFamily},
		"one id twice":      {func() { ginkgo.It("runs on", a, func() {}); ginkgo.It("runs, on", a, func() {}) }, "", conformance.ErrFamily},
		"panic":             {func() { panic("no tree") }, "", conformance.ErrFamily},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := conformance.Run(family(c.specs), toy, c.filter, 1, func(r conformance.Result) { t.Errorf("a result: %+v", r) })
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// A failed assertion tells kinds and lengths, not PINs.
func TestFailuresHoldNoSecrets(t *testing.T) {
	type answer struct{ PIN string }
	for _, c := range []struct {
		actual  any
		matcher types.GomegaMatcher
		want    string
	}{
		{"483920", Equal("483921"), "Expected 6 digits to equal 6 digits"},
		{strings.Repeat("483920", 20), Equal(strings.Repeat("483921", 20)), "Expected 120 digits to equal 120 digits"},
		{"K7Q2M9XA-48392017", ContainSubstring("483921"), "Expected 17 characters to contain substring 6 digits"},
		{[]byte("483920"), Equal([]byte("483921")), "Expected 6 bytes to equal 6 bytes"},
		{answer{"483920"}, Equal(answer{"483921"}), "Expected a conformance_test.answer to equal a conformance_test.answer"},
		{[]string{"483920"}, BeEmpty(), "Expected 1 of string to be empty"},
		{"revoked", Equal("issued"), `Expected "revoked" to equal "issued"`},
		{conformance.Public("483920"), Equal(conformance.Public("483921")), `Expected "483920" to equal "483921"`},
		{errors.New("connection refused"), BeNil(), "connection refused"},
	} {
		got := one(t, "A", func() { Expect(c.actual).To(c.matcher) })
		if !strings.Contains(got.Observed, c.want) {
			t.Errorf("observed %q, want %q", got.Observed, c.want)
		}
		if _, public := c.actual.(conformance.Public); !public && strings.Contains(got.Observed, "48392") {
			t.Errorf("observed %q holds the PIN", got.Observed)
		}
	}
}

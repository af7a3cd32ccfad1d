package conformance

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"
	"github.com/onsi/gomega/format"
)

// Profile is how much of a suite is run.
type Profile string

const (
	Quick Profile = "quick"
	Full  Profile = "full"
	CSPN  Profile = "cspn"
)

// Family is a set of specs that belong together.
type Family struct {
	Name string
	// Claims are the rows that the specs may name, as a rule the whole catalogue.
	Claims []Claim
	// Profile is the one that Specs was made for; empty is Quick.
	Profile Profile
	// Strict judges claims that the profile only shows. It is for mutants, whose effect is
	// large enough for the numbers of any profile.
	Strict bool
	// Specs registers the specs with ginkgo. Run calls it more than once, and it may not
	// touch the target before a spec runs. Specs are not focused, not pending, and have
	// neither BeforeSuite nor AfterSuite: an Ordered container with BeforeAll does that.
	Specs func(Target)
}

// Why Run refuses a family or a filter before anything has run.
var (
	ErrNoSpecs = errors.New("no spec selected")
	ErrFilter  = errors.New("bad label filter")
	ErrFamily  = errors.New("family is not well formed")
)

// ginkgo keeps its tree, its configuration and its writer in globals.
var oneAtATime sync.Mutex

// Run judges t by the specs of f that filter selects (a ginkgo label expression over
// claim ids and the family's name; empty selects all) and calls done with each result as
// it comes. It may be called any number of times, one call at a time. An error means that
// nothing was judged, or not all of it; verdicts are never errors.
func Run(f Family, t Target, filter string, seed int64, done func(Result)) (types.Report, error) {
	if _, err := types.ParseLabelFilter(filter); err != nil {
		return types.Report{}, fmt.Errorf("%w %q: %v", ErrFilter, filter, err)
	}
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	defer quiet()()

	globals.Reset()
	defer globals.Reset()
	gomega.RegisterFailHandler(ginkgo.Fail)
	run := &running{family: f, target: t, done: done, seen: map[string]bool{}}
	ginkgo.Describe(f.Name, ginkgo.Label(f.Name), run.specs)

	suite, reporter := configuration(filter, seed)
	plan := ginkgo.PreviewSpecs(f.Name, suite, reporter)
	run.judging = true
	if err := run.check(plan); err != nil {
		return plan, err
	}
	var report types.Report
	ginkgo.ReportAfterSuite("report", func(r ginkgo.Report) { report = r })
	ginkgo.RunSpecs(&verdictIsOurs{}, f.Name, suite, reporter)
	return report, run.missing(plan)
}

func configuration(filter string, seed int64) (types.SuiteConfig, types.ReporterConfig) {
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.LabelFilter = filter
	suite.RandomSeed = seed
	suite.Timeout = 0 // the parent process has its own
	reporter.NoColor = true
	reporter.Succinct = true
	return suite, reporter
}

// quiet silences ginkgo's console and keeps values out of gomega's messages; the function
// that it returns puts everything back.
func quiet() (restore func()) {
	console, diff := formatter.ColorableStdOut, format.TruncatedDiff
	formatter.ColorableStdOut, format.TruncatedDiff = io.Discard, false
	key := format.RegisterCustomFormatter(withoutSecrets)
	return func() {
		format.UnregisterCustomFormatter(key)
		formatter.ColorableStdOut, format.TruncatedDiff = console, diff
	}
}

// verdictIsOurs lets ginkgo fail without failing a Go test.
type verdictIsOurs struct{}

func (*verdictIsOurs) Fail() {}

// running is one call of Run.
type running struct {
	family  Family
	target  Target
	done    func(Result)
	judging bool            // and no longer planning
	seen    map[string]bool // ids of specs that have been judged
	broken  error           // of Specs itself
}

// specs is the body of the one container around the family.
func (r *running) specs() {
	ginkgo.BeforeEach(r.admit)
	ginkgo.ReportAfterEach(r.report)
	defer func() {
		if p := recover(); p != nil {
			r.broken = fmt.Errorf("%w: %s: %v", ErrFamily, r.family.Name, p)
		}
	}()
	r.family.Specs(r.target)
}

// claims gives the claims that a spec names, in the order of its labels.
func (r *running) claims(report types.SpecReport) ([]Claim, error) {
	var claims []Claim
	for _, label := range report.Labels() {
		if label == r.family.Name {
			continue
		}
		claim, ok := r.find(label)
		if !ok {
			return nil, fmt.Errorf("%w: %q: %q is no claim", ErrFamily, report.FullText(), label)
		}
		claims = append(claims, claim)
	}
	if len(claims) == 0 {
		return nil, fmt.Errorf("%w: %q names no claim", ErrFamily, report.FullText())
	}
	return claims, nil
}

func (r *running) find(id string) (Claim, bool) {
	for _, c := range r.family.Claims {
		if c.ID == id {
			return c, true
		}
	}
	return Claim{}, false
}

// report turns ginkgo's report of a spec into results.
func (r *running) report(report types.SpecReport) {
	if !r.judging || neverRan(report) {
		return
	}
	claims, err := r.claims(report)
	if err != nil {
		panic(err) // check has seen every spec
	}
	r.seen[specID(r.family.Name, report)] = true
	for _, c := range claims {
		for _, result := range judge(r.family, c, r.target, report) {
			r.done(result)
		}
	}
}

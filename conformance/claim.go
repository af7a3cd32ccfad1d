// Package conformance judges an EPS, an authentication server or a PKCS#11
// module against the claims of the seed documents and the RFCs.
//
// Start at Run. A Family is a set of specs, written with ginkgo, gomega and the functions
// of spec.go; the catalogue says what each claim asks for and needs; a Target is what is
// judged.
package conformance

// Level is how binding a claim is.
type Level string

const (
	Must   Level = "MUST"
	Should Level = "SHOULD" // RGS-Recom*
)

// Claim is one row of the catalogue. Ids never change their meaning.
type Claim struct {
	ID      string
	Source  string // "seed 000 §6.3", "RFC 4226 §5.4"
	Level   Level
	Target  Kind
	Family  string // the family that judges it; of unautomated ones the one that will
	Title   string // what the source asks, one sentence in English
	Method  string // what is tried and observed: observable, oracle, evidence
	Status  Status
	Needs   []Capability // of the spec that judges it
	Reading string       // where the target answers by other means than the letter: how
	Collect string       // what evidence people have to give, of all or a part of it
	Only    Predicate    // nil: applies to every target of the kind
	Why     string       // it does not apply, or will never be automated, in words
	Profile Profile      // Full: judged there, only shown in quick; empty: judged in both
}

// Predicate says whether a claim applies to a target.
type Predicate func(Identity) bool

// Status is how far a claim is automated.
type Status string

const (
	Automated    Status = "automated"
	NotAutomated Status = "not automated"
	Organisation Status = "manual" // organisational: evidence from people
)

// Verdict is the judgement of a case or a claim.
type Verdict string

const (
	Pass           Verdict = "PASS"
	Fail           Verdict = "FAIL"
	Warn           Verdict = "WARN"            // a SHOULD not met, or a documented limit of the text
	Inconclusive   Verdict = "INCONCLUSIVE"    // power too low, or the text does not decide
	NotImplemented Verdict = "NOT-IMPLEMENTED" // optional, undeclared
	NotApplicable  Verdict = "NOT-APPLICABLE"  // by the claim's predicate
	Blocked        Verdict = "BLOCKED"         // a need is not met: named
	Excluded       Verdict = "EXCLUDED"        // by the operator
	Manual         Verdict = "MANUAL"
	Unautomated    Verdict = "NOT-AUTOMATED"
	HarnessError   Verdict = "HARNESS-ERROR"
)

// Result is one judged case, as a child process writes it: one JSON line each.
type Result struct {
	Claim    string  `json:"claim"`
	ID       string  `json:"id"` // "rfc4226/appD/0", or the spec's own
	Verdict  Verdict `json:"verdict"`
	Seconds  float64 `json:"seconds"`
	Observed string  `json:"observed"`           // what was seen, one or a few sentences; no secret
	Expected string  `json:"expected,omitempty"` // of a FAIL
	Failed   string  `json:"failed,omitempty"`   // of a FAIL: what the assertion said; it ends Observed too
	Series   *Series `json:"series,omitempty"`   // numbers to plot
	Table    *Sheet  `json:"table,omitempty"`
}

// Series is a small set of numbers for a plot in the report, with the sentence that says
// what to see: values with a label each, of theory and as they were seen, or curves.
type Series struct {
	Name, Caption  string
	XLabel, YLabel string
	Labels         []string
	Theory, Seen   []float64
	Curves         []Curve // in place of the three before
}

// Curve is a line over numbers. Curves of one name look the same: the first name is what is
// looked at, the second what it is held against, a third the bounds of chance.
type Curve struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"`
	Y    []float64 `json:"y"`
}

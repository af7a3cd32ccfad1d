// Package report turns the results of a run into what people and machines read:
// report.json, report.html and junit.xml.
//
// Start at Assemble, which makes a Report from the catalogue and the results of
// the children. Endings decides the exit code. The JSON form is fixed by
// report.schema.json beside this file; fields may be added, none changes its meaning.
package report

import (
	"time"

	"github.com/epsbench/epsbench/conformance"
)

// Schema names the JSON form of a Report.
const Schema = "epsbench.report/1"

// Report is one run, judged.
type Report struct {
	Schema  string  `json:"schema"`
	Run     Run     `json:"run"`
	Summary Summary `json:"summary"`
	Claims  []Claim `json:"claims"`
	// Findings are those on the texts that the claims come from.
	Findings []Finding `json:"findings,omitempty"`
}

// Finding is conformance.Finding with the names of the JSON form.
type Finding struct {
	ID      string   `json:"id"`
	Sources []string `json:"sources"`
	Says    string   `json:"says"`
	Against string   `json:"against"`
	Did     string   `json:"did"`
	Claims  []string `json:"claims"`
}

// Run says what was judged, when and how.
type Run struct {
	ID      string            `json:"id"`
	Started time.Time         `json:"started"`
	Seconds float64           `json:"seconds"`
	Seed    int64             `json:"seed"`
	Profile string            `json:"profile"`
	Version string            `json:"version"` // of epsbench
	Target  map[string]string `json:"target"`  // kind, name, version
	HSM     map[string]string `json:"hsm"`
	Store   map[string]string `json:"store"`
	Focus   string            `json:"focus,omitempty"`  // a label expression: the run is partial
	Repeat  string            `json:"repeat,omitempty"` // the command that repeats this run
}

// Summary is the verdict on the run.
type Summary struct {
	Verdicts map[conformance.Verdict]int `json:"verdicts"` // claims, not cases
	Complete bool                        `json:"complete"`
	Exit     int                         `json:"exit"`
	Word     string                      `json:"word"`             // PASS, FAIL, INCOMPLETE, …
	Sentence string                      `json:"sentence"`         // the verdict in words
	Reason   string                      `json:"reason,omitempty"` // why the target could not be used, in lines
	Cases    int                         `json:"cases"`            // that were executed
	Families []Ended                     `json:"families,omitempty"`
}

// Ended says how the process of one family ended.
type Ended struct {
	Family  string  `json:"family"`
	About   string  `json:"about,omitempty"` // what it is about, one line
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"` // why there is no end record
}

// Claim is one row of the catalogue with its verdict.
type Claim struct {
	ID      string              `json:"id"`
	Source  string              `json:"source"`
	Level   conformance.Level   `json:"level"`
	Family  string              `json:"family"`
	Title   string              `json:"title"`
	Verdict conformance.Verdict `json:"verdict"`
	Reason  string              `json:"reason"`
	Cases   []Case              `json:"cases"`

	Status     conformance.Status `json:"status,omitempty"`
	Method     string             `json:"method,omitempty"`  // what is tried and observed
	Reading    string             `json:"reading,omitempty"` // where the target answers by other means than the letter
	Collect    string             `json:"collect,omitempty"` // evidence that people must bring
	Needs      []string           `json:"needs,omitempty"`
	Mutants    []Mutant           `json:"mutants,omitempty"`    // broken targets that this claim must catch
	Unselected bool               `json:"unselected,omitempty"` // outside --focus: it decides nothing
	Shown      bool               `json:"shown,omitempty"`      // measured in this profile, judged in a longer one
}

// Case is one executed spec.
type Case struct {
	ID       string              `json:"id"`
	Verdict  conformance.Verdict `json:"verdict"`
	Seconds  float64             `json:"seconds"`
	Observed string              `json:"observed"`
	Expected string              `json:"expected,omitempty"`
	Series   *Plot               `json:"series,omitempty"`
	Table    *conformance.Sheet  `json:"table,omitempty"`
}

// Plot is conformance.Series with the names of the JSON form.
type Plot struct {
	Name    string    `json:"name"`
	Caption string    `json:"caption"` // what to see
	XLabel  string    `json:"x"`
	YLabel  string    `json:"y"`
	Labels  []string  `json:"labels"`
	Theory  []float64 `json:"theory"`
	Seen    []float64 `json:"seen"`

	Curves []conformance.Curve `json:"curves,omitempty"` // in place of the three before
}

// Mutant is a broken target that a claim must catch.
type Mutant struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

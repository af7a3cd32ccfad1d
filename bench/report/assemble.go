package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/epsbench/epsbench/conformance"
)

// Input is what a run leaves behind.
type Input struct {
	Run        Run
	Identity   conformance.Identity
	Catalogue  []conformance.Claim
	Results    []conformance.Result
	Families   []Ended
	Mutants    map[string][]Mutant // by claim
	Unselected map[string]string   // claim → why it was not asked for
	Findings   []conformance.Finding
	Unusable   string // why the target could not be opened: nothing was judged
}

// Assemble folds the results into claims and the claims into an ending. Every
// row of the catalogue is there, in its order.
func Assemble(in Input) Report {
	r := Report{Schema: Schema, Run: in.Run}
	id := in.Identity
	r.Run.Target = map[string]string{"kind": string(id.Kind), "name": id.Name, "version": id.Version}
	if id.Settings != "" {
		r.Run.Target["settings"] = id.Settings
	}
	if id.Profile != "" {
		r.Run.Target["profile"] = id.Profile
	}
	r.Run.HSM, r.Run.Store = filled(id.HSM), filled(id.Store)
	byClaim := map[string][]conformance.Result{}
	for _, res := range in.Results {
		byClaim[res.Claim] = append(byClaim[res.Claim], res)
	}
	for _, row := range in.Catalogue {
		c := FromRow(row)
		c.Mutants = in.Mutants[row.ID]
		why, out := in.Unselected[row.ID]
		if judge(&c, row, id, byClaim[row.ID]); in.Unusable != "" && row.Status == conformance.Automated && row.About(id.Kind) {
			first, _, _ := strings.Cut(in.Unusable, "\n")
			c.Verdict, c.Reason = conformance.Blocked, "the target could not be used: "+strings.TrimSuffix(first, ":")
		}
		if out && len(c.Cases) == 0 && row.Status == conformance.Automated {
			c.Verdict, c.Reason, c.Unselected = conformance.Excluded, why, true
		}
		r.Claims = append(r.Claims, c)
	}
	for _, f := range in.Findings {
		r.Findings = append(r.Findings, Finding(f))
	}
	r.Summary = Summarise(r.Claims, nil)
	r.Summary.Families = in.Families
	if in.Unusable != "" {
		e, sentence := End(Facts{Unusable: true})
		r.Summary.Exit, r.Summary.Word, r.Summary.Sentence, r.Summary.Reason = e.Exit, e.Word, sentence, in.Unusable
	}
	return r
}

// Against judges the report by an earlier one instead of by the claims alone, and
// gives what differs.
func (r *Report) Against(baseline Report) Diff {
	d := Compare(baseline.Claims, r.Claims)
	families := r.Summary.Families
	r.Summary = Summarise(r.Claims, &d)
	r.Summary.Families = families
	return d
}

// Summarise counts the claims and finds the ending.
func Summarise(cs []Claim, baseline *Diff) Summary {
	f := Count(cs)
	f.Baseline = baseline
	if baseline != nil {
		f.Differs = len(baseline.Changes)
	}
	e, sentence := End(f)
	s := Summary{Verdicts: map[conformance.Verdict]int{}, Exit: e.Exit, Word: e.Word, Sentence: sentence,
		Complete: f.Open == 0 && f.Cases > 0, Cases: f.Cases}
	for _, v := range conformance.Verdicts() {
		s.Verdicts[v] = 0
	}
	for _, c := range cs {
		s.Verdicts[c.Verdict]++
	}
	return s
}

// FromRow is a row of the catalogue before it is judged.
func FromRow(row conformance.Claim) Claim {
	c := Claim{
		ID: row.ID, Source: row.Source, Level: row.Level, Family: row.Family, Title: row.Title,
		Status: row.Status, Method: row.Method, Reading: row.Reading, Collect: row.Collect,
		Cases: []Case{},
	}
	for _, n := range row.Needs {
		c.Needs = append(c.Needs, string(n))
	}
	switch row.Status {
	case conformance.Organisation:
		c.Verdict, c.Reason = conformance.Manual, cmp.Or(row.Why, row.Collect, "evidence from people")
	case conformance.NotAutomated:
		c.Verdict, c.Reason = conformance.Unautomated, cmp.Or(row.Why, "not automated yet")
	}
	return c
}

// judge gives the claim its verdict from its cases, or says why it has none.
func judge(c *Claim, row conformance.Claim, id conformance.Identity, results []conformance.Result) {
	for _, r := range results {
		c.Cases = append(c.Cases, fromResult(r))
	}
	switch {
	case len(results) > 0:
		c.Verdict = conformance.Fold(row, results)
		c.Reason = reason(c.Verdict, c.Cases)
		c.Shown = row.Profile == conformance.Full && c.Verdict == conformance.NotApplicable
	case row.Status != conformance.Automated:
	case id.Kind != "" && !row.About(id.Kind):
		c.Verdict, c.Reason = conformance.NotApplicable, fmt.Sprintf("the claim is about kind %s, the target is of kind %s", row.Target, id.Kind)
	case row.Only != nil && !row.Only(id):
		c.Verdict, c.Reason = conformance.NotApplicable, row.Why
	default:
		c.Verdict, c.Reason = conformance.HarnessError, "no case of this claim was executed"
	}
}

// reason is what the first case with the claim's verdict observed, and how many there are.
func reason(v conformance.Verdict, cases []Case) string {
	first, n := "", 0
	for _, c := range cases {
		if c.Verdict != v {
			continue
		}
		if n++; n == 1 {
			first = c.Observed
		}
	}
	switch {
	case len(cases) == 1:
		return first
	case v == conformance.Pass:
		return fmt.Sprintf("%d of %d cases passed", n, len(cases))
	}
	return fmt.Sprintf("%s (%d of %d cases)", first, n, len(cases))
}

func fromResult(r conformance.Result) Case {
	c := Case{ID: r.ID, Verdict: r.Verdict, Seconds: r.Seconds, Observed: r.Observed, Expected: r.Expected, Table: r.Table}
	if r.Series != nil {
		p := Plot(*r.Series)
		c.Series = &p
	}
	return c
}

// filled keeps the JSON form an object where a target says nothing.
func filled(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

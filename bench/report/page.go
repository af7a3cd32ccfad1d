package report

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/epsbench/epsbench/conformance"
)

// page is what the template shows, in the order of the page.
type page struct {
	Report
	CSS      template.CSS
	JS       template.JS
	Title    string
	Facts    []fact
	Counts   string
	Families []familyBar
	Waiting  []familyBar // families of which nothing was judged
	Columns  []conformance.Verdict
	Sources  []sourceRows
	Figures  []figure
	Groups   []group
}

type fact struct{ Name, Value string }

// familyBar is one family: how many claims have which verdict.
type familyBar struct {
	Name    string
	Claims  int
	Cases   int
	Seconds float64
	Error   string
	Parts   []part
}

type part struct {
	Verdict conformance.Verdict
	N       int
}

// sourceRows are the sections of one document.
type sourceRows struct {
	Document string
	Rows     []sourceRow
}

type sourceRow struct {
	Section string
	Cells   []part
	Total   int
}

// group is a heading with the claims below it.
type group struct {
	ID, Title, About string
	Claims           []claimView
	Folded           bool // long and quiet: closed, and short in print
}

// claimView is a claim with what the page adds.
type claimView struct {
	Claim
	Open   bool
	Repeat string
	Cases  []Case // failures first
	Many   bool
	Tally  string // "54 ✓ 2 ✗"
}

// manyCases is the number from which a claim's cases are folded away.
const manyCases = 6

// groups orders the claims: what needs a person first.
var groups = []struct {
	id, title, about string
	verdicts         []conformance.Verdict
	folded           bool
}{
	{"not-met", "Not met", "Each of these is a finding.", []conformance.Verdict{conformance.Fail}, false},
	{"harness", "Harness errors", "The bench failed here, not the target; nothing is known.", []conformance.Verdict{conformance.HarnessError}, false},
	{"undecided", "Undecided", "A binding claim in this list leaves the run incomplete.", []conformance.Verdict{conformance.Blocked, conformance.Inconclusive, conformance.Excluded}, false},
	{"warnings", "Warnings", "Recommendations that are not met.", []conformance.Verdict{conformance.Warn}, false},
	{"met", "Met", "Judged on this target, and met.", []conformance.Verdict{conformance.Pass}, false},
	{"not-asked", "Do not apply", "Optional and not declared, or about something that this target or profile does not have.", []conformance.Verdict{conformance.NotImplemented, conformance.NotApplicable}, false},
	{"manual", "For people", "Organisational: the bench says what evidence to collect.", []conformance.Verdict{conformance.Manual}, true},
	{"not-automated", "Not automated", "Counted, so that nobody takes silence for a verdict.", []conformance.Verdict{conformance.Unautomated}, true},
}

func newPage(r Report) page {
	p := page{Report: r, Title: strings.TrimSpace(r.Run.Target["name"] + " " + r.Run.Target["version"])}
	if p.Title == "" {
		p.Title = "no target"
	}
	p.Facts, p.Counts = facts(r), Counts(r.Claims)
	p.Families, p.Waiting = families(r)
	p.Columns, p.Sources = matrix(r.Claims)
	p.Figures = figures(r.Claims)
	for _, g := range groups {
		shown := group{ID: g.id, Title: g.title, About: g.about, Folded: g.folded}
		for _, v := range g.verdicts {
			for _, c := range r.Claims {
				if c.Verdict == v && !c.Unselected {
					shown.Claims = append(shown.Claims, view(c, r.Run.Repeat))
				}
			}
		}
		p.Groups = append(p.Groups, shown)
	}
	p.Groups = append(p.Groups, outside(r))
	p.Groups = slices.DeleteFunc(p.Groups, func(g group) bool { return len(g.Claims) == 0 })
	return p
}

// Span is how many columns the matrix has.
func (p page) Span() int { return len(p.Columns) + 1 }

func outside(r Report) group {
	g := group{ID: "outside", Title: "Outside the focus", About: "Not asked for in this run.", Folded: true}
	for _, c := range r.Claims {
		if c.Unselected {
			g.Claims = append(g.Claims, view(c, r.Run.Repeat))
		}
	}
	return g
}

func facts(r Report) []fact {
	f := []fact{
		{"HSM", sentence(r.Run.HSM)},
		{"Store", sentence(r.Run.Store)},
		{"Profile", r.Run.Profile},
		{"Seed", fmt.Sprint(r.Run.Seed)},
		{"Date", r.Run.Started.UTC().Format("2 January 2006, 15:04 UTC")},
		{"Duration", seconds(r.Run.Seconds)},
		{"Cases", fmt.Sprint(r.Summary.Cases)},
		{"Run", r.Run.ID},
		{"epsbench", r.Run.Version},
	}
	return slices.DeleteFunc(f, func(f fact) bool { return f.Value == "" })
}

// sentence lists what a target says of a part: kind first, then the rest by name.
func sentence(m map[string]string) string {
	first := []string{"kind", "engine", "library", "model", "version", "firmware"}
	var out []string
	for _, k := range first {
		if m[k] != "" {
			out = append(out, m[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(first, k) && m[k] != "" {
			out = append(out, k+" "+m[k])
		}
	}
	return strings.Join(out, " · ")
}

// Counts is the line "MUST 39 of 39 · SHOULD 7 of 8 · not automated 104 · manual 22".
func Counts(cs []Claim) string {
	met, judged, n := map[conformance.Level]int{}, map[conformance.Level]int{}, map[conformance.Verdict]int{}
	for _, c := range cs {
		n[c.Verdict]++
		if uncounted[c.Verdict] || c.Unselected {
			continue
		}
		judged[c.Level]++
		if c.Verdict == conformance.Pass || c.Verdict == conformance.Warn && c.Level == conformance.Must {
			met[c.Level]++
		}
	}
	line := fmt.Sprintf("MUST %d of %d · SHOULD %d of %d", met[conformance.Must], judged[conformance.Must],
		met[conformance.Should], judged[conformance.Should])
	for _, rest := range []struct {
		v    conformance.Verdict
		word string
	}{{conformance.NotApplicable, "not applicable"}, {conformance.NotImplemented, "not implemented"},
		{conformance.Unautomated, "not automated"}, {conformance.Manual, "manual"}} {
		if n[rest.v] > 0 {
			line += fmt.Sprintf(" · %s %d", rest.word, n[rest.v])
		}
	}
	return line
}

// Tally counts verdicts in the order of Verdicts, without zeros.
func tally[T any](items []T, verdict func(T) conformance.Verdict) []part {
	n := map[conformance.Verdict]int{}
	for _, i := range items {
		n[verdict(i)]++
	}
	var parts []part
	for _, v := range Verdicts() {
		if n[v] > 0 {
			parts = append(parts, part{v, n[v]})
		}
	}
	return parts
}

// families splits into those of which something was executed, and the others.
func families(r Report) (judged, waiting []familyBar) {
	ended := map[string]Ended{}
	for _, e := range r.Summary.Families {
		ended[e.Family] = e
	}
	var names []string
	by := map[string][]Claim{}
	for _, c := range r.Claims {
		if by[c.Family] == nil {
			names = append(names, c.Family)
		}
		by[c.Family] = append(by[c.Family], c)
	}
	for _, name := range names {
		b := familyBar{Name: name, Claims: len(by[name]), Parts: tally(by[name], func(c Claim) conformance.Verdict { return c.Verdict }),
			Seconds: ended[name].Seconds, Error: ended[name].Error}
		for _, c := range by[name] {
			b.Cases += len(c.Cases)
		}
		if _, ran := ended[name]; ran || b.Cases > 0 {
			judged = append(judged, b)
		} else {
			waiting = append(waiting, b)
		}
	}
	return judged, waiting
}

// matrix counts claims by section of their source and verdict; columns without a
// claim are left out.
func matrix(cs []Claim) (columns []conformance.Verdict, sources []sourceRows) {
	for _, p := range tally(cs, func(c Claim) conformance.Verdict { return c.Verdict }) {
		columns = append(columns, p.Verdict)
	}
	at := map[string]*sourceRow{}
	var order []string
	for _, c := range cs {
		row := at[c.Source]
		if row == nil {
			row = &sourceRow{}
			at[c.Source] = row
			order = append(order, c.Source)
			for _, v := range columns {
				row.Cells = append(row.Cells, part{Verdict: v})
			}
		}
		row.Cells[slices.Index(columns, c.Verdict)].N++
		row.Total++
	}
	for _, source := range order {
		document, section, found := strings.Cut(source, " §")
		if found {
			section = "§" + section
		}
		row := *at[source]
		row.Section = section
		i := slices.IndexFunc(sources, func(s sourceRows) bool { return s.Document == document })
		if i < 0 {
			i = len(sources)
			sources = append(sources, sourceRows{Document: document})
		}
		sources[i].Rows = append(sources[i].Rows, row)
	}
	return columns, sources
}

func view(c Claim, repeat string) claimView {
	v := claimView{Claim: c, Open: c.Verdict == conformance.Fail || c.Verdict == conformance.HarnessError, Many: len(c.Cases) > manyCases}
	order := map[conformance.Verdict]int{}
	for i, verdict := range Verdicts() {
		order[verdict] = i
	}
	v.Cases = slices.Clone(c.Cases)
	slices.SortStableFunc(v.Cases, func(a, b Case) int { return order[a.Verdict] - order[b.Verdict] })
	var words []string
	for _, p := range tally(c.Cases, func(k Case) conformance.Verdict { return k.Verdict }) {
		words = append(words, fmt.Sprintf("%d %s", p.N, p.Verdict))
	}
	v.Tally = strings.Join(words, " · ")
	if c.Status == conformance.Automated && repeat != "" {
		v.Repeat = fmt.Sprintf("%s --focus %s", repeat, c.ID)
	}
	return v
}

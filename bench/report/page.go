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
	Chosen   []fact // strategies of the HSM
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
	About   string // what it is about
	None    string // why nothing of it applies
	Claims  int
	Cases   int
	Seconds float64
	Error   string
	Parts   []part
	ran     bool
}

type part struct {
	Verdict conformance.Verdict
	N       int
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
	{"warnings", "Warnings", "Recommendations that are not met, and binding claims where a source's own text, taken literally, goes no further.", []conformance.Verdict{conformance.Warn}, false},
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
	p.Facts, p.Chosen, p.Counts = facts(r), strategies(r.Run.HSM), Counts(r.Claims)
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
		{"EPS profile", r.Run.Target["profile"]},
		{"Profile", r.Run.Profile},
		{"Settings", r.Run.Target["settings"]},
		{"Seed", fmt.Sprint(r.Run.Seed)},
		{"Date", r.Run.Started.UTC().Format("2 January 2006, 15:04 UTC")},
		{"Duration", seconds(r.Run.Seconds)},
		{"Cases", fmt.Sprint(r.Summary.Cases)},
		{"Run", r.Run.ID},
		{"epsbench", r.Run.Version},
	}
	return slices.DeleteFunc(f, func(f fact) bool { return f.Value == "" })
}

// strategy begins the words that say how an HSM does what it is asked.
const strategy = "strategy "

// sentence lists what a target says of a part: kind first, then the rest by name;
// what has been said already, and the strategies, are left out.
func sentence(m map[string]string) string {
	first := []string{"kind", "engine", "library", "model", "version", "firmware"}
	said := ""
	say := func(word, value string) {
		if value == "" || strings.Contains(said, value) {
			return
		}
		if said != "" {
			said += " · "
		}
		said += word + value
	}
	for _, k := range first {
		say("", m[k])
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(first, k) && !strings.HasPrefix(k, strategy) {
			say(k+" ", m[k])
		}
	}
	return said
}

// strategies are the choices of the HSM's operations.
func strategies(hsm map[string]string) []fact {
	var chosen []fact
	for _, k := range slices.Sorted(maps.Keys(hsm)) {
		if name, is := strings.CutPrefix(k, strategy); is {
			chosen = append(chosen, fact{name, hsm[k]})
		}
	}
	return chosen
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
	line := fmt.Sprintf("MUST %d of %d", met[conformance.Must], judged[conformance.Must])
	if n := judged[conformance.Should]; n > 0 {
		line += fmt.Sprintf(" · SHOULD %d of %d", met[conformance.Should], n)
	}
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

// None says why nothing of a family applies to a target, by the reason of most of its claims;
// "" where something applies.
func None(family []Claim) string {
	n, most := map[string]int{}, ""
	for _, c := range family {
		if c.Unselected || c.Status != conformance.Automated {
			continue
		}
		if c.Verdict != conformance.NotApplicable || c.Shown {
			return ""
		}
		if n[c.Reason]++; n[c.Reason] > n[most] {
			most = c.Reason
		}
	}
	return most
}

// tally counts verdicts in the order of Verdicts, without zeros.
func tally[T any](items []T, verdict func(T) conformance.Verdict) []part {
	n := map[conformance.Verdict]int{}
	for _, i := range items {
		n[verdict(i)]++
	}
	var parts []part
	for _, v := range conformance.Verdicts() {
		if n[v] > 0 {
			parts = append(parts, part{v, n[v]})
		}
	}
	return parts
}

// abouts says what the families are about that no suite judges yet.
var abouts = map[string]string{
	"st":         "function and environment of the product (seed 000)",
	"hsm":        "the PKCS#11 module itself",
	"keys":       "ceremonies, rotation and import of keys",
	"rgs":        "authentication of users and machines (RGS annex B3, seed 001)",
	"audit":      "the audit's records and their protection",
	"authserver": "the authentication server",
	"icsf":       "OTP secrets in an HSM by ICSF (seed 002)",
	"mpcos":      "database access by smart card (seed 003)",
	"digipass":   "PIN protection of a software authenticator (seed 004)",
}

// families splits into those of which something was executed, in the order of the
// run, and the others.
func families(r Report) (judged, waiting []familyBar) {
	var bars []familyBar
	for _, e := range r.Summary.Families {
		bars = append(bars, familyBar{Name: e.Family, About: e.About, Seconds: e.Seconds, Error: e.Error, ran: true})
	}
	by := map[string][]Claim{}
	for _, c := range r.Claims {
		by[c.Family] = append(by[c.Family], c)
		if !slices.ContainsFunc(bars, func(b familyBar) bool { return b.Name == c.Family }) {
			bars = append(bars, familyBar{Name: c.Family, About: abouts[c.Family]})
		}
	}
	for _, b := range bars {
		b.None = None(by[b.Name])
		b.Claims = len(by[b.Name])
		b.Parts = tally(by[b.Name], func(c Claim) conformance.Verdict { return c.Verdict })
		for _, c := range by[b.Name] {
			b.Cases += len(c.Cases)
		}
		if b.ran || b.Cases > 0 {
			judged = append(judged, b)
		} else {
			waiting = append(waiting, b)
		}
	}
	return judged, waiting
}

// Repeat is the command that judges one claim again, beside the report that it stands in.
func Repeat(command, claim string) string {
	command, _, _ = strings.Cut(command, " --focus ")
	return fmt.Sprintf("%s --focus %s --out out/%s", command, claim, claim)
}

func view(c Claim, repeat string) claimView {
	v := claimView{Claim: c, Open: c.Verdict == conformance.Fail || c.Verdict == conformance.HarnessError && len(c.Cases) > 0, Many: len(c.Cases) > manyCases}
	order := map[conformance.Verdict]int{}
	for i, verdict := range conformance.Verdicts() {
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
		v.Repeat = Repeat(repeat, c.ID)
	}
	return v
}

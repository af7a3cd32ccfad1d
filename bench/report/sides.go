package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/conformance"
)

// Sides is two reports side by side, for the page and for the terminal.
type Sides struct {
	A, B Report
	Diff
	Heads []Head
	Pairs []Pair // what differs: by the claim's verdict first, then by that of cases alone
	Equal []Equal
}

// Head is one fact about both runs.
type Head struct {
	Name, A, B string
}

// incidental are facts that no two runs have in common.
var incidental = map[string]bool{"Seed": true, "Date": true, "Duration": true, "Run": true}

// Differs marks what was judged in different ways.
func (h Head) Differs() bool { return h.A != h.B && !incidental[h.Name] }

// Pair is one claim in both reports. A side is nil that was not asked for the claim.
type Pair struct {
	ID, Title, Meta string
	A, B            *Claim
	Cases           []CasePair // whose verdict differs
	Others          int        // cases with one verdict on both sides
}

// CasePair is one case in both reports; a side is nil where it was not executed.
type CasePair struct {
	ID   string
	A, B *Case
}

// Equal counts the claims of a family that have one verdict on both sides, and so their cases.
type Equal struct {
	Family string
	Claims int
	Parts  []part
}

// Word is how the comparison ends.
func (s Sides) Word() string {
	if len(s.Changes) > 0 {
		return "DIFFERENT"
	}
	return "EQUAL"
}

// Sentence says the same in words.
func (s Sides) Sentence() string {
	if len(s.Changes) == 0 {
		return "No verdict differs, of a claim or of a case."
	}
	cases := 0
	for _, p := range s.Pairs {
		if p.Same() {
			cases++
		}
	}
	text := fmt.Sprintf("%s another verdict", have(len(s.Pairs)-cases))
	if cases > 0 {
		text += fmt.Sprintf("; %s the same one from cases that differ", have(cases))
	}
	return text + "."
}

func have(n int) string {
	if n == 1 {
		return "1 claim has"
	}
	return claims(n) + " have"
}

// Same tells whether the claim's own verdict is the same, so that only cases differ.
func (p Pair) Same() bool { return p.A != nil && p.B != nil && p.A.Verdict == p.B.Verdict }

// Both tells whether there are two sides to compare case by case.
func (p Pair) Both() bool { return p.A != nil && p.B != nil }

// SideBySide compares two reports: b is what Compare calls the later.
func SideBySide(a, b Report) Sides {
	s := Sides{A: a, B: b, Diff: Compare(a.Claims, b.Claims), Heads: heads(a, b)}
	left, right := asked(a.Claims), asked(b.Claims)
	var equal []Claim
	for _, id := range union(a.Claims, b.Claims) {
		switch i := slices.IndexFunc(s.Changes, func(c Change) bool { return c.Claim == id }); {
		case i >= 0:
			s.Pairs = append(s.Pairs, pair(id, left[id], right[id]))
		case right[id] != nil:
			equal = append(equal, *right[id])
		}
	}
	slices.SortStableFunc(s.Pairs, func(x, y Pair) int { return cmp.Compare(x.weight(), y.weight()) })
	s.Equal = equals(equal)
	return s
}

// asked are the claims that a run was asked for.
func asked(cs []Claim) map[string]*Claim {
	by := map[string]*Claim{}
	for i := range cs {
		if !cs[i].Unselected {
			by[cs[i].ID] = &cs[i]
		}
	}
	return by
}

// union gives the ids in the order of b, and behind them those of a alone.
func union(a, b []Claim) []string {
	var ids []string
	for _, c := range slices.Concat(b, a) {
		if !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// pair puts one claim side by side. Where one side was not asked, the cases of the other say
// nothing that its claim does not.
func pair(id string, a, b *Claim) Pair {
	one := cmp.Or(b, a)
	p := Pair{ID: id, Title: one.Title, Meta: fmt.Sprintf("%s · %s · family %s", one.Source, one.Level, one.Family), A: a, B: b}
	if !p.Both() {
		return p
	}
	left, right := byID(a.Cases), byID(b.Cases)
	seen := map[string]bool{}
	for _, c := range slices.Concat(b.Cases, a.Cases) {
		l, r := left[c.ID], right[c.ID]
		switch {
		case seen[c.ID]:
		case l != nil && r != nil && l.Verdict == r.Verdict:
			p.Others++
		default:
			p.Cases = append(p.Cases, CasePair{c.ID, l, r})
		}
		seen[c.ID] = true
	}
	return p
}

func byID(cs []Case) map[string]*Case {
	by := map[string]*Case{}
	for i := range cs {
		by[cs[i].ID] = &cs[i]
	}
	return by
}

// weight puts claims before mere cases, and the graver verdict of either side first.
func (p Pair) weight() int {
	grave := conformance.Verdicts()
	w := len(grave)
	for _, c := range []*Claim{p.A, p.B} {
		if c != nil {
			w = min(w, slices.Index(grave, c.Verdict))
		}
	}
	if p.Same() {
		w += len(grave) + 1
	}
	return w
}

func equals(cs []Claim) []Equal {
	var rows []Equal
	by := map[string][]Claim{}
	for _, c := range cs {
		if by[c.Family] == nil {
			rows = append(rows, Equal{Family: c.Family})
		}
		by[c.Family] = append(by[c.Family], c)
	}
	for i, row := range rows {
		same := by[row.Family]
		rows[i].Claims, rows[i].Parts = len(same), tally(same, func(c Claim) conformance.Verdict { return c.Verdict })
	}
	return rows
}

package report

import (
	"cmp"
	"html/template"
	"io"
	"slices"
	"strings"
)

// sidesPage is what the template of a comparison shows.
type sidesPage struct {
	Sides
	CSS template.CSS
}

// unfolded is the number of claims up to which each is open on the page.
const unfolded = 12

// Open tells whether each claim is.
func (s sidesPage) Open() bool { return len(s.Pairs) <= unfolded }

// HTML writes the comparison as one file, like that of a report; it has no script.
func (s Sides) HTML(w io.Writer) error {
	t, css, err := templates("diff.html.tmpl")
	if err != nil {
		return err
	}
	return t.Execute(w, sidesPage{Sides: s, CSS: css})
}

// heads are the facts about both runs, and the strategies of the HSMs that differ.
func heads(a, b Report) []Head {
	left, right := headFacts(a), headFacts(b)
	var hs []Head
	for _, f := range left {
		hs = append(hs, Head{f.Name, f.Value, valueOf(right, f.Name)})
	}
	for _, f := range right {
		if !slices.ContainsFunc(left, func(l fact) bool { return l.Name == f.Name }) {
			hs = append(hs, Head{Name: f.Name, B: f.Value})
		}
	}
	return append(hs, choices(a, b)...)
}

func headFacts(r Report) []fact {
	target := strings.TrimSpace(r.Run.Target["name"] + " " + r.Run.Target["version"])
	fs := append([]fact{{"Target", cmp.Or(target, "no target")}, {"Ended", r.Summary.Word}}, facts(r)...)
	if r.Run.Focus != "" {
		fs = append(fs, fact{"Partial", "--focus " + r.Run.Focus})
	}
	return fs
}

// choices are the operations that the two HSMs do in different ways.
func choices(a, b Report) []Head {
	left, right := strategies(a.Run.HSM), strategies(b.Run.HSM)
	names := map[string]bool{}
	var hs []Head
	for _, f := range slices.Concat(left, right) {
		h := Head{"HSM: " + f.Name, valueOf(left, f.Name), valueOf(right, f.Name)}
		if !names[f.Name] && h.Differs() {
			hs = append(hs, h)
		}
		names[f.Name] = true
	}
	return hs
}

func valueOf(fs []fact, name string) string {
	for _, f := range fs {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

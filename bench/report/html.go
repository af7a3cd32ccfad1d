package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed page.html.tmpl claim.html.tmpl figure.html.tmpl table.html.tmpl diff.html.tmpl page.css filter.js
var files embed.FS

// HTML writes the report as one file that needs nothing else: no network, no
// fonts, and no script to be read (script only filters).
func (r Report) HTML(w io.Writer) error {
	t, css, err := templates("page.html.tmpl")
	if err != nil {
		return err
	}
	js, err := files.ReadFile("filter.js")
	if err != nil {
		return err
	}
	p := newPage(r)
	p.CSS, p.JS = css, template.JS(js) // our own file
	return t.Execute(w, p)
}

// templates gives one of them, with the others at its hand, and the style of every page.
func templates(name string) (*template.Template, template.CSS, error) {
	t, err := template.New(name).Funcs(words).ParseFS(files, "*.tmpl")
	if err != nil {
		return nil, "", fmt.Errorf("report template: %w", err)
	}
	css, err := files.ReadFile("page.css")
	return t, template.CSS(css), err // our own file
}

// words are the functions of the templates.
var words = template.FuncMap{
	"sign":    func(v any) string { return marks[fmt.Sprint(v)].sign },
	"tone":    func(v any) string { return marks[fmt.Sprint(v)].tone },
	"seconds": seconds,
	"plural":  plural,
	"numeric": numeric,
	"join":    func(words []string) string { return strings.Join(words, " · ") },
}

// seconds says a duration as a person would.
func seconds(s float64) string {
	switch {
	case s < 0.001:
		return "< 1 ms"
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 120:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.0f min", s/60)
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// numeric says whether a cell of a table is one.
func numeric(cell string) bool {
	_, err := strconv.ParseFloat(cell, 64)
	return err == nil
}

// mark is how a verdict looks. Colour is never the only sign: each has its own
// character, and its word stands beside it.
type mark struct{ sign, tone string }

// marks has four tones: good and bad are the two accent colours, open is bad
// hatched, quiet is grey.
var marks = map[string]mark{
	"PASS":            {"✓", "good"},
	"FAIL":            {"✗", "bad"},
	"HARNESS-ERROR":   {"‼", "bad"},
	"WARN":            {"!", "open"},
	"BLOCKED":         {"⊘", "open"},
	"INCONCLUSIVE":    {"?", "open"},
	"EXCLUDED":        {"–", "open"},
	"NOT-IMPLEMENTED": {"○", "quiet"},
	"NOT-APPLICABLE":  {"∅", "quiet"},
	"MANUAL":          {"✎", "quiet"},
	"NOT-AUTOMATED":   {"·", "quiet"},
	"INCOMPLETE":      {"?", "open"},
	"DIFFERENT":       {"≠", "bad"},
	"EQUAL":           {"=", "quiet"},
	"UNUSABLE":        {"⊘", "bad"},
}

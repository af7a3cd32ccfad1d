package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

// widest is how much of an observation the table of a comparison holds; the page has all of it.
const widest = 100

// printSides prints two reports side by side: heads, what differs, and the rest by family.
func printSides(w io.Writer, s report.Sides) {
	var heads []table.Row
	for _, h := range s.Heads {
		heads = append(heads, table.Row{unequal(h.Differs()), h.Name, cut(h.A, widest), cut(h.B, widest)})
	}
	printTable(w, table.Row{"", "", "A", "B"}, heads)
	if rows := differing(s); len(rows) > 0 {
		fmt.Fprintln(w)
		printTable(w, table.Row{"claim", "case", "A", "B", "observed in A", "observed in B"}, rows)
	}
	fmt.Fprintln(w)
	for _, e := range s.Equal {
		var words []string
		for _, p := range e.Parts {
			words = append(words, fmt.Sprintf("%d %s", p.N, p.Verdict))
		}
		fmt.Fprintf(w, "equal  %-10s %3d %s  %s\n", e.Family, e.Claims, many(e.Claims, "claim", 6), strings.Join(words, "  "))
	}
	fmt.Fprintf(w, "\n%s: %s %d %s compared", s.Word(), s.Sentence(), s.Compared, many(s.Compared, "claim", 0))
	if s.LeftOut > 0 {
		fmt.Fprintf(w, "; B was not asked for %d more", s.LeftOut)
	}
	fmt.Fprintln(w, ".")
}

func unequal(differs bool) string {
	if differs {
		return "≠"
	}
	return ""
}

// differing has a row for each claim, and one for each of its cases, with another verdict.
func differing(s report.Sides) []table.Row {
	var rows []table.Row
	for _, p := range s.Pairs {
		a, b := "not asked", "not asked"
		var seenA, seenB string
		if p.A != nil {
			a, seenA = string(p.A.Verdict), p.A.Reason
		}
		if p.B != nil {
			b, seenB = string(p.B.Verdict), p.B.Reason
		}
		rows = append(rows, table.Row{p.ID, "", a, b, cut(seenA, widest), cut(seenB, widest)})
		for _, c := range p.Cases {
			a, b := verdictOf(c.A), verdictOf(c.B)
			rows = append(rows, table.Row{p.ID, c.ID, a, b, cut(observed(c.A), widest), cut(observed(c.B), widest)})
		}
	}
	return rows
}

func verdictOf(c *report.Case) conformance.Verdict {
	if c == nil {
		return "not executed"
	}
	return c.Verdict
}

func observed(c *report.Case) string {
	if c == nil {
		return ""
	}
	return c.Observed
}

package report

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/epsbench/epsbench/conformance"
)

// sourceRows are the sections of one document.
type sourceRows struct {
	Document string
	Rows     []sourceRow
}

type sourceRow struct {
	Section string
	Cells   []part
	judged  bool
}

// matrix counts claims by section of their source and verdict; columns without a
// claim are left out.
func matrix(cs []Claim) (columns []conformance.Verdict, sources []sourceRows) {
	for _, p := range tally(cs, func(c Claim) conformance.Verdict { return c.Verdict }) {
		columns = append(columns, p.Verdict)
	}
	for _, c := range cs {
		row := rowOf(&sources, c.Source, columns)
		row.Cells[slices.Index(columns, c.Verdict)].N++
		row.judged = row.judged || c.Status == conformance.Automated && !c.Unselected
	}
	for i := range sources {
		sources[i].tidy()
	}
	return columns, sources
}

// tidy sorts the sections, and makes one row of a document in which nothing was judged.
func (s *sourceRows) tidy() {
	slices.SortStableFunc(s.Rows, func(a, b sourceRow) int { return cmp.Compare(padded(a.Section), padded(b.Section)) })
	if slices.ContainsFunc(s.Rows, func(r sourceRow) bool { return r.judged }) {
		return
	}
	sum := s.Rows[0]
	for _, r := range s.Rows[1:] {
		for i := range r.Cells {
			sum.Cells[i].N += r.Cells[i].N
		}
	}
	if len(s.Rows) > 1 {
		sum.Section = fmt.Sprintf("%d sections", len(s.Rows))
	}
	s.Rows = []sourceRow{sum}
}

var digits = regexp.MustCompile(`\d+`)

// padded makes §6.10 come after §6.9.
func padded(section string) string {
	return digits.ReplaceAllStringFunc(section, func(d string) string { return fmt.Sprintf("%04s", d) })
}

// rowOf finds the row of a source, or adds it.
func rowOf(sources *[]sourceRows, source string, columns []conformance.Verdict) *sourceRow {
	document, section := place(source)
	i := slices.IndexFunc(*sources, func(s sourceRows) bool { return s.Document == document })
	if i < 0 {
		i = len(*sources)
		*sources = append(*sources, sourceRows{Document: document})
	}
	rows := &(*sources)[i].Rows
	j := slices.IndexFunc(*rows, func(r sourceRow) bool { return r.Section == section })
	if j < 0 {
		j = len(*rows)
		*rows = append(*rows, sourceRow{Section: section})
		for _, v := range columns {
			(*rows)[j].Cells = append((*rows)[j].Cells, part{Verdict: v})
		}
	}
	return &(*rows)[j]
}

var (
	inDocument = regexp.MustCompile(`^(seed \d+|RFC \d+|[^§,]+?),? +(.+)$`)
	chapter    = regexp.MustCompile(`^§([A-Z]\.\d+|\d+(\.\d+)*)`)
)

// place splits a source into its document and the section that a reader would look
// up: "seed 000 §6.3-6" stands in §6.3, "seed 001 §B.1.c.3" in §B.1.
func place(source string) (document, section string) {
	m := inDocument.FindStringSubmatch(source)
	if m == nil {
		return source, ""
	}
	if short := chapter.FindString(m[2]); short != "" {
		return m[1], short
	}
	return m[1], m[2]
}

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
	slices.SortStableFunc(sources, func(a, b sourceRows) int { return cmp.Compare(rank(a.Document), rank(b.Document)) })
	return columns, sources
}

// documents names the sources that have a number only, in the order of the report.
var documents = []struct{ number, name string }{
	{"seed 000", "security target of the EPS"},
	{"seed 001", "RGS annex B3, authentication"},
	{"seed 002", "one-time-password BLOBs under an HSM (ICSF)"},
	{"seed 003", "smart-card access to a database"},
	{"seed 004", "protection of a software authenticator (Digipass)"},
}

// rank is where a document stands: the numbered ones first.
func rank(document string) int {
	for i, d := range documents {
		if d.number == document {
			return i
		}
	}
	return len(documents)
}

// Name is what the document is called, where its number does not tell.
func (s sourceRows) Name() string {
	if i := rank(s.Document); i < len(documents) {
		return documents[i].name
	}
	return ""
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
	flaw       = regexp.MustCompile(`^(CVE-\d|\S+/\S+#\d)`)
	chapter    = regexp.MustCompile(`^§([A-Z]\.\d+|\d+(\.\d+)*)`)
)

// flaws is the document of what other servers did wrong: each flaw is a row.
const flaws = "Published flaws"

// place splits a source into its document and the section that a reader would look
// up: "seed 000 §6.3-6" stands in §6.3, "seed 001 §B.1.c.3" in §B.1.
func place(source string) (document, section string) {
	if flaw.MatchString(source) {
		return flaws, source
	}
	m := inDocument.FindStringSubmatch(source)
	if m == nil {
		return source, ""
	}
	if short := chapter.FindString(m[2]); short != "" {
		return m[1], short
	}
	return m[1], m[2]
}

package conformance

import "github.com/onsi/ginkgo/v2"

// Sheet is a small table for the report. Every row has as many cells as the head.
type Sheet struct {
	Name    string     `json:"name"`
	Caption string     `json:"caption"` // what to see
	Head    []string   `json:"head"`
	Rows    [][]string `json:"rows"`
}

// Tabulate gives the report a table. One that stands outside the cases of a spec gives the
// spec a result of its own beside theirs.
func Tabulate(s Sheet) { ginkgo.AddReportEntry("table", s) }

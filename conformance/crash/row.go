package crash

import (
	"fmt"
	"strconv"

	"github.com/epsbench/epsbench/conformance"
)

// Row is what came of the kills at one point.
type Row struct {
	Operation    string `json:"operation"`
	Server       string `json:"server"`
	Point        string `json:"point"`
	Kills        int    `json:"kills"`
	Acknowledged int    `json:"acknowledged"` // trials of which the caller had an answer
	Nothing      int    `json:"nothing"`      // trials after which it was as if nothing had begun
	All          int    `json:"all"`          // trials after which the operation had come to its end
	Violations   int    `json:"violations"`   // trials after which it was neither, or something was lost
}

// head are the columns of a sheet of rows.
var head = []string{"operation", "server", "point", "kills", "acknowledged", "nothing", "all", "violations"}

func (r *Row) names() []*string { return []*string{&r.Operation, &r.Server, &r.Point} }

func (r *Row) counts() []*int {
	return []*int{&r.Kills, &r.Acknowledged, &r.Nothing, &r.All, &r.Violations}
}

// cells is the row in a sheet.
func (r Row) cells() []string {
	var cells []string
	for _, name := range r.names() {
		cells = append(cells, *name)
	}
	for _, n := range r.counts() {
		cells = append(cells, strconv.Itoa(*n))
	}
	return cells
}

// Add adds the counts of another row at the same point.
func (r *Row) Add(o Row) {
	to, from := r.counts(), o.counts()
	for i := range to {
		*to[i] += *from[i]
	}
}

// Rows reads the sheet of a result of this family.
func Rows(s conformance.Sheet) ([]Row, error) {
	var rows []Row
	for _, cells := range s.Rows {
		var r Row
		if len(cells) != len(head) {
			return nil, fmt.Errorf("table of kills: a row of %d cells", len(cells))
		}
		for i, name := range r.names() {
			*name = cells[i]
		}
		for i, n := range r.counts() {
			var err error
			if *n, err = strconv.Atoi(cells[len(r.names())+i]); err != nil {
				return nil, fmt.Errorf("table of kills: %w", err)
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

package report

import (
	"fmt"

	"github.com/epsbench/epsbench/conformance"
)

// Diff is what changed from one report to another.
type Diff struct {
	Changes  []Change `json:"changes"`
	Compared int      `json:"compared"` // automated claims that it was asked for
	LeftOut  int      `json:"left_out"` // automated claims that the later run was not asked for
}

// Change is one claim or case whose verdict is not what it was. An empty verdict
// means that it did not exist.
type Change struct {
	Claim string              `json:"claim"`
	Case  string              `json:"case,omitempty"`
	Was   conformance.Verdict `json:"was"`
	Is    conformance.Verdict `json:"is"`
}

// String is the line of a change in a comparison.
func (c Change) String() string {
	what := c.Claim
	if c.Case != "" {
		what += " " + c.Case
	}
	return fmt.Sprintf("%s: %s → %s", what, orNone(c.Was), orNone(c.Is))
}

func orNone(v conformance.Verdict) string {
	if v == "" {
		return "(none)"
	}
	return string(v)
}

// Compare lists every claim, and every case of it, whose verdict differs, in the
// order of is. Claims that is was not asked for are left out; what only is was asked
// for is new.
func Compare(was, is []Claim) Diff {
	var d Diff
	old := map[string]Claim{}
	for _, c := range was {
		old[c.ID] = c
	}
	for _, c := range is {
		before, known := old[c.ID]
		delete(old, c.ID)
		if c.Unselected {
			d.LeftOut++
			continue
		}
		if before.Unselected {
			before = Claim{}
		}
		if c.Status == conformance.Automated {
			d.Compared++
		}
		if !known || before.Verdict != c.Verdict {
			d.Changes = append(d.Changes, Change{Claim: c.ID, Was: before.Verdict, Is: c.Verdict})
		}
		d.Changes = append(d.Changes, compareCases(c.ID, before.Cases, c.Cases)...)
	}
	for _, c := range was {
		if _, gone := old[c.ID]; gone && !c.Unselected {
			d.Changes = append(d.Changes, Change{Claim: c.ID, Was: c.Verdict})
		}
	}
	return d
}

func compareCases(claim string, was, is []Case) []Change {
	var changes []Change
	old := map[string]conformance.Verdict{}
	for _, c := range was {
		old[c.ID] = c.Verdict
	}
	for _, c := range is {
		if before := old[c.ID]; before != c.Verdict {
			changes = append(changes, Change{claim, c.ID, before, c.Verdict})
		}
		delete(old, c.ID)
	}
	for _, c := range was {
		if _, gone := old[c.ID]; gone {
			changes = append(changes, Change{claim, c.ID, c.Verdict, ""})
		}
	}
	return changes
}

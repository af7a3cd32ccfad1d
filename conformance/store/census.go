package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// census: every column is known, and holds what it is for.
func census(w *world) {
	It("has no column that nobody expects, and none that holds something else", conformance.Claims("ST-6.2-2a..f"), func(ctx SpecContext) {
		w.people(ctx)
		w.activations(ctx)
		tables := w.tables(ctx)
		expected := w.form().expected()
		found := survey(tables, expected)
		Expect(found.strange).To(BeEmpty(), "%s", found.strange)
		Expect(missing(tables, expected)).To(BeEmpty(), "columns that are not there: %s", missing(tables, expected))
		conformance.Observe("%d columns of %d tables, %d values: %s", found.columns, len(tables), found.values, found.kinds())
	})
}

// activations leaves what an EPS that asks for activation keeps, where it is offered: of a
// token without a phone, of one that waits, and of one that is active.
func (w *world) activations(ctx context.Context) {
	GinkgoHelper()
	if !w.Capabilities()[conformance.CanActivate] {
		return
	}
	asking, err := w.Target.(conformance.Activations).Activating(ctx)
	Expect(err).NotTo(HaveOccurred(), "an EPS that asks for activation")
	with := &world{Target: asking}
	with.enrol(ctx, conformance.EnrolRequest{})
	with.equipped(ctx, conformance.EnrolRequest{})
	active := with.equipped(ctx, conformance.EnrolRequest{})
	request := active.Grant.NewActivation(active.otp())
	answer, err := asking.(conformance.Activator).Activate(ctx, "", request.Body())
	Expect(err).NotTo(HaveOccurred(), "activation")
	Expect(request.Activated(request.Body(), answer.Body)).To(BeTrue(), "the right OTP activates")
}

// result is what a survey has counted.
type result struct {
	columns, values int
	byKind          map[string]int // columns
	strange         string
}

// survey classifies every column of every table.
func survey(tables []conformance.Table, expected map[string]class) result {
	r := result{byKind: map[string]int{}}
	var strange []string
	for _, t := range tables {
		for i, column := range t.Columns {
			name := t.Database + "." + t.Name + "." + column
			c, known := classOf(t, column, expected)
			values := valuesOf(t, i)
			r.columns++
			r.values += len(values)
			r.byKind[c.kind]++
			if !known {
				strange = append(strange, name+" is a column that nobody expects")
			} else if why := c.wrong(values); why != "" {
				strange = append(strange, fmt.Sprintf("%s (%s): %s", name, c.kind, why))
			}
		}
	}
	r.strange = strings.Join(strange, "; ")
	return r
}

func classOf(t conformance.Table, column string, expected map[string]class) (class, bool) {
	if c, ok := expected[t.Database+"."+t.Name+"."+column]; ok {
		return c, true
	}
	c, ok := housekeeping[strings.TrimSuffix(t.Name, "_"+t.Database)+"."+column]
	return c, ok
}

// valuesOf gives a column; NULL is an empty value.
func valuesOf(t conformance.Table, column int) [][]byte {
	var values [][]byte
	for _, row := range t.Rows {
		values = append(values, row[column])
	}
	return values
}

// missing names expected columns that are not there: the census would say nothing of them.
func missing(tables []conformance.Table, expected map[string]class) string {
	there := map[string]bool{}
	for _, t := range tables {
		for _, column := range t.Columns {
			there[t.Database+"."+t.Name+"."+column] = true
		}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		if !there[name] {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// kinds is "20 counter, 3 MAC, …".
func (r result) kinds() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(r.byKind)) {
		parts = append(parts, fmt.Sprintf("%d %s", r.byKind[kind], kind))
	}
	return strings.Join(parts, ", ")
}

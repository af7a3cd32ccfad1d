package store

import (
	"bytes"
	"context"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// rewound: what was delivered is not to be delivered again from an older state of the database.
func rewound(w *world) {
	It("delivers no token from an older copy of its rows", conformance.Claims("ST-6.4-a"), func(ctx SpecContext) {
		u := w.enrol(ctx, conformance.EnrolRequest{})
		old := w.deliveryRows(ctx, u)
		u.provision(ctx)
		newer := w.deliveryRows(ctx, u)
		n := w.rewrite(ctx, newer, old)
		Expect(w.deliveryRows(ctx, u)).To(Equal(old), "rows after they were put back")
		_, err := u.answered(ctx)
		w.rewrite(ctx, old, newer)
		Expect(err).To(HaveOccurred(), "a token whose rows were put back is delivered a second time: a used registration code gets C for another phone")
		conformance.Observe("%d columns of a token and its code were put back to what they were before the delivery: the code got no second token", n)
	})
	It("delivers no token from an older copy of its rows and of its audit", conformance.Claims("ST-6.4-a"), func(ctx SpecContext) {
		u := w.enrol(ctx, conformance.EnrolRequest{})
		old := w.deliveryRows(ctx, u)
		u.provision(ctx)
		newer := w.deliveryRows(ctx, u)
		w.rewrite(ctx, newer, old)
		defer w.rewrite(ctx, old, newer)
		for _, version := range []string{old["tokens"].text("row_version"), "0"} {
			back := w.writeRecord(ctx, u, version)
			_, err := u.answered(ctx)
			back()
			Expect(err).To(HaveOccurred(), "a token whose rows and audit record were put back is delivered a second time")
		}
		conformance.Observe("rows of a token and its code were put back to what they were before the delivery, and the row version in the audit record of the delivery to the older one, and to none: the code got no second token")
	})
}

// writeRecord gives another row version to the audit record of a delivery. What it gives puts
// the version back.
func (w *world) writeRecord(ctx context.Context, u *user, version string) (back func()) {
	GinkgoHelper()
	r := w.delivered(ctx, u)
	cell := conformance.Cell{Database: "eps", Table: "audit_records", Key: "seq", KeyValue: r.text("seq"), Column: "row_version"}
	w.write(ctx, cell, []byte(version))
	return func() { w.write(ctx, cell, r["row_version"]) }
}

// delivered is the audit record of a user's first delivery.
func (w *world) delivered(ctx context.Context, u *user) record {
	GinkgoHelper()
	for _, r := range rows(w.tables(ctx), "eps", "audit_records", "token", u.Token) {
		if r.text("event") == "provisioned" {
			return r
		}
	}
	conformance.Broken("a delivery has no audit record")
	return nil
}

// deliveryRows are those that a delivery changes: of the token and of its code.
func (w *world) deliveryRows(ctx context.Context, u *user) map[string]record {
	GinkgoHelper()
	tables := w.tables(ctx)
	return map[string]record{
		"tokens": only(tables, "eps", "tokens", "id", u.Token),
		"codes":  only(tables, "eps", "codes", "locator", u.Locator()),
	}
}

// rewrite makes rows what they were at another time, and counts the columns.
func (w *world) rewrite(ctx context.Context, from, to map[string]record) int {
	GinkgoHelper()
	n := 0
	for _, table := range slices.Sorted(maps.Keys(to)) {
		for _, column := range slices.Sorted(maps.Keys(to[table])) {
			if bytes.Equal(from[table][column], to[table][column]) {
				continue
			}
			w.write(ctx, conformance.Cell{Database: "eps", Table: table, Key: "id", KeyValue: to[table].text("id"), Column: column}, to[table][column])
			n++
		}
	}
	return n
}

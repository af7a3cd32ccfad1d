package mpp

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// expectUnchanged runs attack and looks for traces of it in what the target stores.
// The audit is there to hold some.
func expectUnchanged(ctx context.Context, t conformance.Target, attack func()) {
	GinkgoHelper()
	before := contents(ctx, t)
	attack()
	after := contents(ctx, t)
	var changed []string
	for table, digest := range after {
		if before[table] != digest {
			changed = append(changed, table)
		}
	}
	slices.Sort(changed)
	Expect(conformance.Public(strings.Join(changed, ", "))).To(BeEmpty(), "the store has changed, in tables")
}

// contents gives a digest for each table of the target, the audit's apart.
func contents(ctx context.Context, t conformance.Target) map[string]string {
	GinkgoHelper()
	tables, err := t.(conformance.Database).Dump(ctx)
	Expect(err).NotTo(HaveOccurred(), "dump of the databases")
	all := map[string]string{}
	for _, table := range tables {
		if strings.Contains(table.Name, "audit") {
			continue
		}
		var rows []string
		for _, row := range table.Rows {
			rows = append(rows, fmt.Sprintf("%x", row))
		}
		slices.Sort(rows)
		all[table.Database+"."+table.Name] = fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(rows, "\n"))))
	}
	Expect(all).NotTo(BeEmpty(), "the dump has no table")
	return all
}

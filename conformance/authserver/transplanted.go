package authserver

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// whose are the columns that say whose a row is. All others are copied.
var whose = map[string][]string{
	"tokens":      {"id", "service", "user_name", "live"},
	"credentials": {"token", "service", "user_name", "live"},
}

// transplanted: one user's rows in another's place.
func transplanted(t conformance.Target) {
	It("gives a user nothing by another's rows", conformance.Claims("ATK-18"), func(ctx SpecContext) {
		alice, bob := counting(ctx, t), counting(ctx, t)
		Expect(alice.Provision(ctx)).To(Succeed(), "the token that comes to the phone")
		Expect(bob.Provision(ctx)).To(Succeed(), "the token that comes to the phone")
		n := transplant(ctx, t, "authserver", "credentials", "token", alice.Token, bob.Token)
		for _, from := range []*user{alice, bob} {
			for range 2 {
				Expect(bob.validates(ctx, from.due())).To(BeFalse(), "one user's credential has another's row: an OTP is accepted")
			}
		}
		waiting := counting(ctx, t)
		m := transplant(ctx, t, "eps", "tokens", "id", counting(ctx, t).Token, waiting.Token)
		Expect(provisions(ctx, t, t, waiting.RegistrationCode)).To(BeFalse(), "a token is delivered out of another user's row")
		conformance.Observe("%d columns of one user's credential written into another's row: no OTP of either is accepted for him; %d columns of a token row: its phone is refused", n, m)
	})
}

func counting(ctx context.Context, t conformance.Target) *user {
	GinkgoHelper()
	return enrolled(ctx, t, "attack", conformance.EnrolRequest{Suite: hotp})
}

// transplant writes what one row holds into another, but for whose it is.
func transplant(ctx context.Context, t conformance.Target, database, table, key, from, to string) int {
	GinkgoHelper()
	tables, err := t.(conformance.Database).Dump(ctx)
	Expect(err).NotTo(HaveOccurred(), "dump of the databases")
	i := slices.IndexFunc(tables, func(x conformance.Table) bool { return x.Database == database && x.Name == table })
	Expect(i).To(BeNumerically(">=", 0), "table %s", table)
	found := tables[i]
	at := slices.Index(found.Columns, key)
	row := func(id string) [][]byte {
		return found.Rows[slices.IndexFunc(found.Rows, func(r [][]byte) bool { return string(r[at]) == id })]
	}
	source, sink, n := row(from), row(to), 0
	for c, column := range found.Columns {
		if slices.Contains(whose[table], column) || slices.Equal(source[c], sink[c]) {
			continue
		}
		cell := conformance.Cell{Database: database, Table: table, Key: key, KeyValue: to, Column: column, Value: source[c]}
		if err := t.(conformance.DatabaseWriter).Write(ctx, cell); err != nil {
			conformance.Broken("database: %v", err)
		}
		n++
	}
	return n
}

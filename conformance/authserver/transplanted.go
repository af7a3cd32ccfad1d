package authserver

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// whose are the columns that say whose a row is. All others are copied.
var whose = map[string][]string{
	"tokens":      {"id", "service", "user_name", "live"},
	"credentials": {"token", "service", "user_name", "live"},
}

// transplanted: one user's rows in another's place.
func transplanted(t conformance.Target) {
	It("gives a user nothing by another's rows", conformance.Claims("ATK-18"), func(ctx SpecContext) {
		alice, bob := enrolled(ctx, t), enrolled(ctx, t)
		Expect(alice.provision(ctx)).To(Succeed(), "the token that comes to the phone")
		Expect(bob.provision(ctx)).To(Succeed(), "the token that comes to the phone")
		n := transplant(ctx, t, "authserver", "credentials", "token", alice.Token, bob.Token)
		for _, from := range []*customer{alice, bob} {
			for range 2 {
				Expect(bob.accepts(ctx, from.otp())).To(BeFalse(), "one user's credential has another's row: an OTP is accepted")
			}
		}
		waiting := enrolled(ctx, t)
		m := transplant(ctx, t, "eps", "tokens", "id", enrolled(ctx, t).Token, waiting.Token)
		Expect(waiting.provision(ctx)).NotTo(Succeed(), "a token is delivered out of another user's row")
		conformance.Observe("%d columns of one user's credential written into another's row: no OTP of either is accepted for him; %d columns of a token row: its phone is refused", n, m)
	})
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

// customer is an enrolled user with his phone.
type customer struct {
	conformance.Enrolled
	target        conformance.Target
	service, user string
	grant         oracle.Grant
	next          uint64
}

func enrolled(ctx context.Context, t conformance.Target) *customer {
	GinkgoHelper()
	c := &customer{target: t, service: declared(t).Services[0], user: newName()}
	var err error
	c.Enrolled, err = t.(conformance.Enroller).Enrol(ctx, conformance.EnrolRequest{Service: c.service, User: c.user, Suite: hotp})
	Expect(err).NotTo(HaveOccurred(), "enrolment")
	return c
}

// provision brings the token to the phone, or gives what the phone found wrong.
func (c *customer) provision(ctx context.Context) error {
	GinkgoHelper()
	session, err := oracle.Build(c.target.(conformance.Provisioner).Pinned(), c.RegistrationCode, c.service)
	Expect(err).NotTo(HaveOccurred(), "request of a phone")
	a, err := c.target.(conformance.Provisioner).Provision(ctx, "", session.Body)
	Expect(err).NotTo(HaveOccurred(), "a phone got no answer")
	c.grant, err = session.Open(a.Body, now(c.target))
	c.next = c.grant.Counter
	return err
}

// otp is the next one of the phone.
func (c *customer) otp() string {
	GinkgoHelper()
	otp, err := c.grant.OTP(c.PIN, c.next)
	Expect(err).NotTo(HaveOccurred(), "an OTP on the phone")
	c.next++
	return otp
}

func (c *customer) accepts(ctx context.Context, otp string) bool {
	GinkgoHelper()
	return answerOf(c.target.(conformance.Validator).Validate(ctx, c.service, c.user, otp)).accepted
}

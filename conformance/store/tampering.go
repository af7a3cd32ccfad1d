package store

import (
	"context"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// tampering: whoever holds a database changes rows.
func tampering(w *world) {
	It("believes no row there that was changed from outside", conformance.Claims("ST-PLUGIN-BIND", "ST-6.4-a"), func(ctx SpecContext) {
		alice, bob := w.equipped(ctx, conformance.EnrolRequest{}), w.equipped(ctx, conformance.EnrolRequest{})
		Expect(alice.accepted(ctx, alice.wrong())).To(BeFalse(), "a wrong OTP is accepted")
		tried := 0
		for _, f := range fields {
			tried += w.expectNoticed(ctx, f, alice, bob)
		}
		tried += w.expectNoTransplant(ctx, alice, bob)
		w.expectStillSuspended(ctx)
		conformance.Observe("%d fields of a row were changed one by one, then a whole row given to another user, and a suspended token made active: each of %d OTPs was refused, and the right one was accepted when the row was put back", len(fields), tried+1)
	})
}

// field is a column of a credential, and the change that somebody would make to it.
type field struct {
	column string
	value  func(mine, other record) string
	more   func(alice, bob *user) []login // what the change might open, beside the user's next OTP
}

// login is an OTP handed in for a user.
type login struct{ service, user, otp string }

const (
	otherName  = "store-renamed"
	otherToken = "0000000000000000000000TEST"
	shortSuite = "HOTP-SHA256-6"
)

// fields are all that the MAC of a row covers, but the state, and the MAC itself. Failures
// come first: the next right OTP ends them.
var fields = []field{
	{"failures", always("0"), nil},
	{"wrapped", others("wrapped"), func(alice, bob *user) []login { return []login{{alice.Service, alice.Name, bob.otp()}} }},
	{"token", always(otherToken), nil},
	{"user_name", always(otherName), func(alice, _ *user) []login { return []login{{alice.Service, otherName, alice.otp()}} }},
	{"service", func(mine, _ record) string { return mine.text("service") + "x" }, func(alice, _ *user) []login {
		return []login{{alice.Service + "x", alice.Name, alice.otp()}}
	}},
	{"suite", always(shortSuite), func(alice, _ *user) []login {
		otp := alice.otp()
		return []login{{alice.Service, alice.Name, otp[len(otp)-6:]}}
	}},
	{"counter", always("0"), func(alice, _ *user) []login { return []login{{alice.Service, alice.Name, alice.used()}} }},
	{"failed_ever", always("0"), nil},
	{"candidates", always("0"), nil},
	{"tok_length", more("tok_length", -1), nil},
	{"pin_digits", more("pin_digits", -1), nil},
	{"imported", always("1"), nil},
	{"clock_offset", always("1"), nil},
	{"activated", always("0"), nil},
	{"format", always("1"), nil},
	{"version", more("version", 1), nil},
	{"created", more("created", 1000), nil},
	{"updated", more("updated", 1000), nil},
	{"mac", others("mac"), nil},
}

func always(value string) func(_, _ record) string { return func(_, _ record) string { return value } }

func others(column string) func(_, _ record) string {
	return func(_, other record) string { return other.text(column) }
}

func more(column string, by int64) func(_, _ record) string {
	return func(mine, _ record) string { return strconv.FormatInt(mine.number(column)+by, 10) }
}

// expectNoticed changes one field of alice's row: nothing is accepted until it is back.
// The server keeps keys that it has used, so bob's, which is not in use, comes first.
func (w *world) expectNoticed(ctx context.Context, f field, alice, bob *user) int {
	GinkgoHelper()
	tables := w.tables(ctx)
	mine, other := credential(tables, alice), credential(tables, bob)
	logins := []login{{alice.Service, alice.Name, alice.otp()}}
	if f.more != nil {
		logins = append(f.more(alice, bob), logins...)
	}
	key, changed := "token", f.value(mine, other)
	if f.column == key {
		key = "user_name"
	}
	cell := conformance.Cell{Database: "authserver", Table: "credentials", Key: key, KeyValue: mine.text(key), Column: f.column}
	Expect(changed).NotTo(Equal(mine.text(f.column)), "%s: not a change", f.column)
	w.write(ctx, cell, []byte(changed))
	accepted := w.accepted(ctx, logins)
	w.write(ctx, cell, mine[f.column])
	Expect(accepted).To(BeZero(), "%s of a row was changed: OTPs accepted", f.column)
	Expect(alice.accepted(ctx, alice.otp())).To(BeTrue(), "%s of a row was put back: the right OTP is refused", f.column)
	return len(logins)
}

// expectNoTransplant gives alice's row bob's name.
func (w *world) expectNoTransplant(ctx context.Context, alice, bob *user) int {
	GinkgoHelper()
	ours := conformance.Cell{Database: "authserver", Table: "credentials", Key: "token", KeyValue: alice.Token, Column: "user_name"}
	theirs := ours
	theirs.KeyValue = bob.Token
	w.write(ctx, theirs, []byte(otherName))
	w.write(ctx, ours, []byte(bob.Name))
	logins := []login{{bob.Service, bob.Name, alice.otp()}, {bob.Service, bob.Name, bob.otp()}}
	accepted := w.accepted(ctx, logins)
	w.write(ctx, ours, []byte(alice.Name))
	w.write(ctx, theirs, []byte(bob.Name))
	Expect(accepted).To(BeZero(), "one user's row has another's name: OTPs accepted")
	Expect(alice.accepted(ctx, alice.otp())).To(BeTrue(), "a row has its name back: the right OTP is refused")
	Expect(bob.accepted(ctx, bob.otp())).To(BeTrue(), "a row has its name back: the right OTP is refused")
	return len(logins)
}

// expectStillSuspended makes a suspended token active in the database.
func (w *world) expectStillSuspended(ctx context.Context) {
	GinkgoHelper()
	u := w.equipped(ctx, conformance.EnrolRequest{})
	Expect(w.enroller().Change(ctx, u.Token, "suspend")).To(Succeed(), "suspend")
	cell := conformance.Cell{Database: "authserver", Table: "credentials", Key: "token", KeyValue: u.Token, Column: "state"}
	was := credential(w.tables(ctx), u)["state"]
	Expect(string(was)).To(Equal("suspended"), "state of a suspended token's row")
	w.write(ctx, cell, []byte("active"))
	accepted := u.accepted(ctx, u.otp())
	w.write(ctx, cell, was)
	Expect(accepted).To(BeFalse(), "state of a suspended row was changed: its OTP is accepted")
	Expect(w.enroller().Change(ctx, u.Token, "resume")).To(Succeed(), "resume")
	Expect(u.accepted(ctx, u.otp())).To(BeTrue(), "state of a row was put back: after resume the right OTP is refused")
}

func credential(tables []conformance.Table, u *user) record {
	GinkgoHelper()
	return only(tables, "authserver", "credentials", "token", u.Token)
}

// accepted counts the OTPs that are.
func (w *world) accepted(ctx context.Context, logins []login) int {
	GinkgoHelper()
	n := 0
	for _, l := range logins {
		v, err := w.Target.(conformance.Validator).Validate(ctx, l.service, l.user, l.otp)
		Expect(err).NotTo(HaveOccurred(), "validation")
		if v.Accepted {
			n++
		}
	}
	return n
}

func (w *world) write(ctx context.Context, c conformance.Cell, value []byte) {
	GinkgoHelper()
	c.Value = value
	if err := w.Target.(conformance.DatabaseWriter).Write(ctx, c); err != nil {
		conformance.Broken("database: %v", err)
	}
}

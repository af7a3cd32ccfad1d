package store

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// altered: whoever can write to the EPS's database gains nothing by it.
func altered(w *world) {
	It("gives no OTP from a row that was changed, and no secret in an error", conformance.Claims("ST-6.4-a"), func(ctx SpecContext) {
		users := make([]*user, len(alterations))
		for i, a := range alterations {
			users[i] = w.enrol(ctx, conformance.EnrolRequest{})
			defer w.alter(ctx, users[i], a)()
		}
		delivered := w.expectWorthless(ctx, users)
		hunt.ExpectInUse(users[0].Token, hunt.Logs(ctx, w.Target))
		hunt.For(every(users, (*user).needles)...).ExpectNothing(hunt.Logs(ctx, w.Target))
		conformance.Observe("%d rows were changed, each in one way: %d were refused, %d delivered to a phone whose OTP was refused", len(users), len(users)-delivered, delivered)
	})
	It("gives nobody the token of another whose row was copied to theirs", conformance.Claims("ST-6.4-a"), func(ctx SpecContext) {
		victim := w.equipped(ctx, conformance.EnrolRequest{PINDigits: shortPIN})
		attacker := w.enrol(ctx, conformance.EnrolRequest{PINDigits: shortPIN})
		theirs := only(w.tables(ctx), "eps", "tokens", "id", victim.Token)
		for _, column := range []string{"sealed", "salt"} {
			defer w.alter(ctx, attacker, alteration{column, func([]byte) []byte { return theirs[column] }})()
		}
		grant, err := attacker.answered(ctx)
		if err != nil {
			conformance.Observe("C and salt of one token were copied into the row of another: the registration code of that one got nothing")
			return
		}
		conformance.Observe("C and salt of one token were copied into the row of another, and delivered for the registration code of that one: %s", same(grant.Inner().C, victim.Grant.Inner().C))
		attacker.expectNoUse(ctx, grant, victim)
	})
}

// alteration is one change of a token's row.
type alteration struct {
	column string
	change func(was []byte) []byte
}

// alterations change what C is made of. Other columns say what is delivered beside it.
var alterations = []alteration{
	{"sealed", flipped(0)}, {"sealed", flipped(20)}, {"sealed", flipped(-1)},
	{"sealed", cut(8)}, {"sealed", cut(16)}, {"sealed", func([]byte) []byte { return []byte{} }},
	{"salt", flipped(0)},
	{"tok_length", text64}, {"c_length", text64},
	{"dbk_version", func([]byte) []byte { return []byte("2") }},
	{"format", func([]byte) []byte { return []byte("none") }},
}

func flipped(at int) func([]byte) []byte {
	return func(was []byte) []byte {
		now := append([]byte{}, was...)
		now[(at+len(now))%len(now)] ^= 1
		return now
	}
}

func cut(n int) func([]byte) []byte { return func(was []byte) []byte { return was[:len(was)-n] } }

func text64([]byte) []byte { return []byte(strconv.Itoa(64)) }

func (w *world) cell(u *user, column string) conformance.Cell {
	return conformance.Cell{Database: "eps", Table: "tokens", Key: "id", KeyValue: u.Token, Column: column}
}

// alter changes a column of a user's row. What it gives puts it back.
func (w *world) alter(ctx context.Context, u *user, a alteration) (back func()) {
	GinkgoHelper()
	was := only(w.tables(ctx), "eps", "tokens", "id", u.Token)[a.column]
	now := a.change(was)
	Expect(now).NotTo(Equal(was), "%s: not a change", a.column)
	w.write(ctx, w.cell(u, a.column), now)
	return func() { w.write(ctx, w.cell(u, a.column), was) }
}

// expectWorthless lets each phone ask for its changed token, all at once, and counts those
// that got one: their OTPs are refused.
func (w *world) expectWorthless(ctx context.Context, users []*user) (delivered int) {
	GinkgoHelper()
	got := make([]bool, len(users))
	var all sync.WaitGroup
	for i, u := range users {
		all.Go(func() {
			defer GinkgoRecover()
			grant, err := u.answered(ctx)
			if err != nil {
				return
			}
			got[i] = true
			if u.Has(grant) != nil {
				return // the suite is none
			}
			if otp, err := u.OTP(u.Next); err == nil {
				Expect(u.accepted(ctx, otp)).To(BeFalse(), "%s of a row was changed: the OTP of what is delivered is accepted", alterations[i].column)
			}
		})
	}
	all.Wait()
	for _, yes := range got {
		if yes {
			delivered++
		}
	}
	return delivered
}

// shortPIN is the fewest digits that a PIN may have.
const shortPIN = 4

// searched bounds the PINs that the attacker tries, where the KDF makes each slow.
func (u *user) searched() int {
	if u.Grant.Iterations <= 10_000 {
		return 10_000
	}
	return 100
}

// expectNoUse: with the C of another and one OTP of theirs, which anybody may have seen, the
// attacker looks for the PIN, and makes the next OTP.
func (u *user) expectNoUse(ctx context.Context, grant oracle.Grant, victim *user) {
	GinkgoHelper()
	seen := victim.otp()
	Expect(victim.accepted(ctx, seen)).To(BeTrue(), "the victim's own OTP is refused")
	pins := u.solve(grant, seen, victim)
	conformance.Observe("%d PINs tried offline, on one OTP of the owner: %d explain it", victim.searched(), len(pins))
	for _, pin := range pins {
		otp, err := grant.OTP(pin, victim.Next)
		Expect(err).NotTo(HaveOccurred(), "the attacker computes an OTP")
		Expect(victim.accepted(ctx, otp)).To(BeFalse(), "an OTP that the attacker made of the owner's C, with the PIN found offline, is accepted")
	}
}

// solve gives the PINs under which a C makes an OTP.
func (u *user) solve(grant oracle.Grant, seen string, victim *user) []string {
	GinkgoHelper()
	n := victim.searched()
	right, err := strconv.Atoi(victim.PIN)
	Expect(err).NotTo(HaveOccurred())
	first := right / n * n // where fewer are tried, the right one is among them
	found := make([]bool, n)
	var all sync.WaitGroup
	for half := range 2 {
		all.Go(func() {
			defer GinkgoRecover()
			for i := half; i < n; i += 2 {
				otp, err := grant.OTP(fmt.Sprintf("%0*d", shortPIN, first+i), victim.Next-1)
				Expect(err).NotTo(HaveOccurred(), "an OTP of a PIN")
				found[i] = otp == seen
			}
		})
	}
	all.Wait()
	var pins []string
	for i, yes := range found {
		if yes {
			pins = append(pins, fmt.Sprintf("%0*d", shortPIN, first+i))
		}
	}
	return pins
}

func same(a, b []byte) string {
	if string(a) == string(b) {
		return "it is the owner's C"
	}
	return "it is not the owner's C"
}

// Package crash judges what a target is left with when one of its servers is killed: all of
// an operation or nothing, and nothing that was acknowledged lost (seed 000 §2.2, §6.1).
//
// Start at Family. A trial (trial.go and the files named after operations) kills a server
// once, starts it again and says what is there; a campaign makes trials at every point and
// keeps the ledger of what the target has acknowledged. SIGKILL shows what a process had
// handed to its database and its files, not what these had on disk.
package crash

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Rounds is how often each point is tried in a profile.
func Rounds(p conformance.Profile) int {
	if p == conformance.Quick {
		return 1
	}
	return 3
}

// Family is the family of every profile.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{Name: "crash", Claims: catalogue.All(), Profile: p, Specs: func(t conformance.Target) { specs(t, Rounds(p)) }}
}

// subject is one spec: the operations that it tries.
type subject struct {
	text       string
	claims     []string
	operations []conformance.Operation
}

var subjects = []subject{
	{"leaves all of an enrolment or nothing", []string{"CRASH-enrolment", "ST-2.2.1-a"}, []conformance.Operation{conformance.DuringEnrolment}},
	{"cancels what was left of an enrolment", []string{"CRASH-cancellation"}, []conformance.Operation{conformance.DuringCancellation}},
	{"delivers a token once and forgets no wrong code", []string{"CRASH-provisioning"}, []conformance.Operation{conformance.DuringProvisioning, conformance.DuringWrongCode}},
	{"accepts an OTP once and forgets no wrong one", []string{"CRASH-validation"}, []conformance.Operation{conformance.DuringValidation, conformance.DuringWrongOTP}},
	{"carries a revocation to its end", []string{"CRASH-revocation"}, []conformance.Operation{conformance.DuringRevocation}},
	{"activates a token on both sides or on neither", []string{"CRASH-activation"}, []conformance.Operation{conformance.DuringActivation}},
}

func specs(t conformance.Target, rounds int) {
	c := &campaign{rounds: rounds}
	for _, s := range subjects {
		It(s.text, conformance.Claims(s.claims...), func(ctx SpecContext) {
			Expect(c.begin(ctx, t, GinkgoRandomSeed())).To(Succeed(), "servers in processes of their own")
			rows := c.tries(ctx, s, t.Capabilities()[conformance.CanActivate])
			conformance.Case("the ledger at the end", func() {
				n, err := c.reconcile(ctx)
				Expect(err).NotTo(HaveOccurred(), "what was acknowledged")
				conformance.Observe("%d tokens stand as they were acknowledged to stand", n)
			})
			tabulate(rows)
		})
	}
}

// tries makes the trials of a subject: those of activation where the EPS asks for it.
func (c *campaign) tries(ctx context.Context, s subject, activates bool) (rows []Row) {
	for _, o := range s.operations {
		if o == conformance.DuringActivation {
			if !activates {
				conformance.Undeclared("activation is not offered")
			}
			Expect(c.askForActivation(ctx, true)).To(Succeed(), "an EPS that asks for activation")
			DeferCleanup(func(ctx SpecContext) error { return c.askForActivation(ctx, false) })
		}
		rows = append(rows, c.operation(ctx, o)...)
	}
	return rows
}

// operation makes the trials of all points of an operation, in an order that the seed fixes,
// and gives their rows in the order of the points.
func (c *campaign) operation(ctx context.Context, o conformance.Operation) []Row {
	points := c.points(o)
	if len(points) == 0 {
		conformance.Block("the target names no point during the operation %s", o)
	}
	rows := make([]Row, len(points))
	for _, i := range c.random.Perm(len(points)) {
		p := points[i]
		conformance.Case(string(o)+", "+p.String(), func() {
			t := c.tried(ctx, p)
			rows[i] = t.Row
			conformance.Observe("%s", t)
			if t.broken != nil {
				conformance.Broken("%v", t.broken)
			}
			Expect(t.first()).To(Succeed())
		})
	}
	return rows
}

func tabulate(rows []Row) {
	sheet := conformance.Sheet{
		Name: "Kills", Caption: "How often a server was killed at each point, how many callers had an answer, and what was there when the server came back. A cancellation takes two kills: the first leaves something to cancel.",
		Head: head,
	}
	total := Row{Operation: "all"}
	for _, r := range rows {
		sheet.Rows = append(sheet.Rows, r.cells())
		total.Add(r)
	}
	conformance.Observe("%d kills, after which the target had recovered %d operations as nothing and %d as all, with %d violations", total.Kills, total.Nothing, total.All, total.Violations)
	conformance.Tabulate(sheet)
}

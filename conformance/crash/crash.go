// Package crash judges what a target is left with when one of its servers is killed: all of
// an operation or nothing, and nothing that was acknowledged lost (seed 000 §2.2, §6.1).
//
// Start at Family. A trial (trial.go and the files named after operations) kills a server
// once, starts it again and says what is there; a campaign makes trials at every point and
// keeps the ledger of what the target has acknowledged. SIGKILL shows what a process had
// handed to its database and its files, not what these had on disk.
package crash

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// rounds is how often each point is tried in a profile.
var rounds = map[conformance.Profile]int{conformance.Quick: 1, conformance.Full: 3}

// Family is the family of every profile.
func Family(p conformance.Profile) conformance.Family {
	n := rounds[p]
	if n == 0 {
		n = rounds[conformance.Full]
	}
	return conformance.Family{Name: "crash", Claims: catalogue.All(), Profile: p, Specs: func(t conformance.Target) { specs(t, n) }}
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
}

func specs(t conformance.Target, rounds int) {
	c := &campaign{rounds: rounds}
	for _, s := range subjects {
		It(s.text, conformance.Claims(s.claims...), func(ctx SpecContext) {
			Expect(c.begin(ctx, t)).To(Succeed(), "servers in processes of their own")
			table := conformance.Sheet{
				Name: "Kills", Caption: "How often a server was killed at each point, and what was there when it came back.",
				Head: []string{"operation", "server", "point", "kills", "acknowledged", "nothing", "all", "violations"},
			}
			for _, o := range s.operations {
				for _, p := range c.points(o) {
					conformance.Case(string(o)+", "+p.String(), func() {
						tally := c.tried(ctx, p)
						table.Rows = append(table.Rows, tally.row(p))
						conformance.Observe("%s", tally)
						if tally.broken != nil {
							conformance.Broken("%v", tally.broken)
						}
						Expect(tally.first()).To(Succeed())
					})
				}
			}
			conformance.Case("the ledger at the end", func() {
				n, err := c.reconcile(ctx)
				Expect(err).NotTo(HaveOccurred(), "what was acknowledged")
				conformance.Observe("%d tokens stand as they were acknowledged to stand", n)
			})
			conformance.Tabulate(table)
		})
	}
}

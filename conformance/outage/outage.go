// Package outage judges a target whose HSM or database is taken away while it runs: every
// call is answered, nothing is half done or lost, and all is well again, without a restart,
// when the part comes back (seed 000 §2.2, §6.1).
//
// Start at Family. A drill (drill.go) is one outage from before it to after it; users
// (user.go) are those whom it is tried on, and calls.go is what they try.
package outage

import (
	"context"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family is the family of every profile.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{Name: "outage", Claims: catalogue.All(), Profile: p, Specs: func(t conformance.Target) { specs(t, p) }}
}

// subject is one spec: an outage, and what it leaves of the target.
type subject struct {
	text   string
	claim  string
	outage conformance.Outage
	course course
}

// course is how an outage goes.
type course uint8

const (
	// lasts: until it is mended, nothing works that needs the part.
	lasts course = iota
	// passes: the target can help itself, and has to.
	passes
	// creeps: what needs no more room still works.
	creeps
)

var subjects = []subject{
	{"survives that its HSM is pulled", "OUT-HSM-gone", conformance.HSMGone, lasts},
	{"survives that its HSM sessions are closed", "OUT-HSM-session", conformance.HSMSessions, passes},
	{"survives that its HSM login ends", "OUT-HSM-login", conformance.HSMLogin, passes},
	{"survives an HSM that does not answer", "OUT-HSM-silent", conformance.HSMSilent, lasts},
	{"survives a database that does not write", "OUT-DB-readonly", conformance.DBReadOnly, lasts},
	{"survives a database without room", "OUT-DB-full", conformance.DBFull, creeps},
	{"survives that its database ends", "OUT-DB-stop", conformance.DBStopped, lasts},
	{"survives that its database is killed", "OUT-DB-kill", conformance.DBKilled, lasts},
	{"survives a database that does not answer", "OUT-DB-silent", conformance.DBSilent, lasts},
	{"survives that the network to its database is cut", "OUT-DB-network", conformance.DBCut, lasts},
	{"survives a database that another process holds", "OUT-DB-locked", conformance.DBLocked, lasts},
}

// servers are taken a part away from: both at once in every profile, and in the long ones
// each alone, where the other still works.
func servers(p conformance.Profile, o conformance.Outage) []string {
	if p == conformance.Quick || o.Part() == "store" {
		return []string{""}
	}
	return []string{"", "eps", "authserver"}
}

func specs(t conformance.Target, p conformance.Profile) {
	site := &site{}
	for _, s := range subjects {
		It(s.text, conformance.Claims(s.claim), func(ctx SpecContext) {
			Expect(site.open(ctx, t)).To(Succeed(), "a target that can be broken")
			if !slices.Contains(site.target.Outages(), s.outage) {
				conformance.Block("the target cannot suffer %s here", s.outage)
			}
			for _, server := range servers(p, s.outage) {
				site.drill(ctx, s, server)
			}
		})
	}
}

// site is the target with what it has acknowledged.
type site struct {
	target conformance.Fragile
	down   error
	mu     sync.Mutex
	ledger map[string]conformance.Entry // by token: what both sides must say of it
}

// open starts the target, once.
func (s *site) open(ctx context.Context, t conformance.Target) error {
	if s.target == nil && s.down == nil {
		s.ledger = map[string]conformance.Entry{}
		s.target, s.down = t.(conformance.Breaker).Fragile(ctx)
	}
	return s.down
}

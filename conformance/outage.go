package conformance

import (
	"context"
	"time"
)

// Outage is a way to take a part away from a target that runs.
type Outage string

// The outages, each with what is really done. A target offers those that it can carry out.
const (
	HSMGone     Outage = "hsm-gone"         // the token is pulled: no call, no session and no handle outlives it
	HSMSessions Outage = "hsm-session-lost" // all sessions are closed behind the server's back, and the login with them
	HSMLogin    Outage = "hsm-logged-out"   // the login alone ends; sessions stay open
	HSMSilent   Outage = "hsm-no-answer"    // calls do not return

	DBStopped  Outage = "db-stopped"     // the database server ends in an orderly way
	DBKilled   Outage = "db-killed"      // by SIGKILL
	DBSilent   Outage = "db-paused"      // it is there and does not answer
	DBReadOnly Outage = "db-read-only"   // it reads and does not write
	DBFull     Outage = "db-full"        // there is no room
	DBCut      Outage = "db-network-cut" // it is there and cannot be reached
	DBLocked   Outage = "db-locked"      // another process holds it for itself (SQLite)
)

// Part is what the outage takes away, as readiness names it.
func (o Outage) Part() string { return partOf[o] }

var partOf = map[Outage]string{
	HSMGone: "hsm", HSMSessions: "hsm", HSMLogin: "hsm", HSMSilent: "hsm",
	DBStopped: "store", DBKilled: "store", DBSilent: "store", DBReadOnly: "store", DBFull: "store", DBCut: "store", DBLocked: "store",
}

// Breaker starts a second target of the same kind, broken by the same mutant, on an HSM
// and a database of its own, all of which can be taken away. It ends with the target.
type Breaker interface {
	Fragile(ctx context.Context) (Fragile, error)
}

// Fragile is a target whose parts can be taken away while it runs.
type Fragile interface {
	Target
	Enroller
	Provisioner
	Validator
	Auditor
	Listeners
	HSMObjects
	// Outages are those that can be carried out here.
	Outages() []Outage
	// Break takes a part away from a server, "eps" or "authserver", or from both where
	// server is empty. A database server that both use is gone for both. mend gives back
	// what was taken; nothing is restarted but what the outage itself has ended, and it may
	// be called twice. One outage at a time.
	Break(ctx context.Context, o Outage, server string) (mend func(context.Context) error, err error)
	// Ready asks a server whether it is ready.
	Ready(ctx context.Context, server string) (Readiness, error)
	// Patience is how long the target itself lets a call wait for a part.
	Patience() time.Duration
	// Settle has the messages sent that wait for the authentication server.
	Settle(ctx context.Context) error
	// Books gives the tokens as the databases have them.
	Books(ctx context.Context) ([]Entry, error)
}

// Fault is a way in which an HSM fails while it is there.
type Fault struct {
	Name, About string
	Wrong       bool // the HSM does something else than it is asked, and says that all is well
}

// Faulty is a Fragile whose HSM can be made to fail by a script.
type Faulty interface {
	Fragile
	// Faults are the scenarios that can be played here.
	Faults() []Fault
	// Fail begins a scenario in the HSMs of both servers, from its start. end stops it,
	// and tells how many calls it has struck. One scenario at a time.
	Fail(ctx context.Context, name string) (end func() (struck int), err error)
}

// Readiness is what a server says of itself.
type Readiness struct {
	Ready bool
	Gone  []string // the parts that do not answer: "hsm", "store", "pairing"
	Raw   []byte   // the whole answer
}

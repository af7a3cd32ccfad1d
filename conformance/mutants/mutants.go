// Package mutants breaks the reference EPS and its authentication server on
// purpose, one promise at a time, through the same seams as the real parts. A claim
// that no mutant can make fail is no evidence.
//
// Start at All; each file beside this one holds the mutants of one family of claims.
package mutants

import (
	"crypto/tls"
	"net/http"
	"slices"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

// Mutant is one broken target.
type Mutant struct {
	Name   string
	About  string   // what is broken, one sentence
	Claims []string // that must catch it, each
	Reason string   // part of what the killing case says: a failure for another reason is no kill
	Target string   // that it breaks, where the claim cannot be proven on the run's: "reference:st-2.6.1"
	Break  func(*Seams)
}

// Seams are the places where a target lets a part be put in or changed. A nil
// field changes nothing.
type Seams struct {
	Config func(*server.Config)
	// Keys changes how the keys of a new EPS are made.
	Keys       func(*keys.Options)
	AuthConfig func(*server.AuthServerConfig)
	// HSM changes how a server uses its token.
	HSM func(*hsm.Config)
	// Module stands between a server and its HSM: slot is "eps" or "authserver", or
	// "suite" for the token that a suite borrows.
	Module func(slot string, m cryptoki.Module) cryptoki.Module
	// Permit is what a token of the emulator lets through beyond what the personality permits:
	// see its Config.Permit.
	Permit []string
	Store  func(store.EPS) store.EPS
	// AuthStore stands before the authentication server's database.
	AuthStore func(store.AuthServer) store.AuthServer
	// Wrap goes around a listener: "bank", "public", "operations", "plugin", "auth".
	Wrap func(listener string, h http.Handler) http.Handler
	// TLS changes how a listener speaks TLS.
	TLS        func(listener string, c *tls.Config)
	Enroll     func(*enroll.Parts)
	MPP        func(*mpp.Parts)
	Validation func(*authserver.Parts)
}

// All lists every mutant, in the order of the families.
func All() []Mutant {
	return slices.Concat(rfc, rfcOCRA, provisioning, pin, storage, challenges, activated, crashing, attacked, away, modules)
}

// Find gives the mutant of a name.
func Find(name string) (Mutant, bool) {
	i := slices.IndexFunc(All(), func(m Mutant) bool { return m.Name == name })
	if i < 0 {
		return Mutant{}, false
	}
	return All()[i], true
}

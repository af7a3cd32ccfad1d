package mutants

import (
	"net/http"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

// away are the mutants of outages.
var away = []Mutant{
	{
		Name: "outage: calls to the HSM have no bound", About: "A server waits for its HSM as long as that takes.",
		Claims: []string{"OUT-HSM-silent"}, Reason: "not answered in time",
		Break: func(s *Seams) { s.HSM = func(c *hsm.Config) { c.Patience = time.Hour } },
	},
	{
		Name: "outage: the first removal is for ever", About: "A server that has lost its token does not look for it again.",
		Claims: []string{"OUT-HSM-gone"}, Reason: "although its parts are back",
		Break: func(s *Seams) { s.Module = func(_ string, m cryptoki.Module) cryptoki.Module { return forEver(m) } },
	},
	{
		Name: "outage: no login but the first", About: "A server logs in to its HSM once.",
		Claims: []string{"OUT-HSM-login"}, Reason: "although its parts are back",
		Break: func(s *Seams) {
			s.Module = func(_ string, m cryptoki.Module) cryptoki.Module { return &loggedInOnce{Module: m} }
		},
	},
	{
		Name: "outage: keys are orphans after a loss", About: "A server that has lost a session once destroys no key any more.",
		Claims: []string{"OUT-HSM-gone"}, Reason: "objects that nobody destroys",
		Break: func(s *Seams) { s.Module = func(_ string, m cryptoki.Module) cryptoki.Module { return orphaning(m) } },
	},
	{
		Name: "outage: no session but the first ones", About: "A server that has lost its sessions opens no others.",
		Claims: []string{"OUT-HSM-session", "FAULT-recovers"}, Reason: "although its parts are back",
		Break: func(s *Seams) {
			s.Module = func(_ string, m cryptoki.Module) cryptoki.Module { return noMoreSessions(m) }
		},
	},
	{
		Name: "outage: readiness does not try to write", About: "A server is ready where its database can be read.",
		Claims: []string{"OUT-DB-readonly", "OUT-DB-full", "OUT-DB-locked"}, Reason: "is true without its store",
		Break: func(s *Seams) {
			s.Store = func(st store.EPS) store.EPS { return trusting{st} }
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return trustingAuth{st} }
		},
	},
	{
		Name: "outage: the refusal tells why", About: "The answer to a bank repeats the inner error.",
		Claims: []string{"OUT-HSM-gone", "OUT-DB-readonly", "FAULT-closed"}, Reason: "tells something of the inside",
		Break: func(s *Seams) { s.Wrap = func(_ string, h http.Handler) http.Handler { return telling(h) } },
	},
	{
		Name: "outage: an answer before the commit", About: "The EPS acknowledges what its database has not taken.",
		Claims: []string{"OUT-DB-readonly", "OUT-DB-locked"}, Reason: "acknowledged without the part",
		Break: func(s *Seams) { s.Store = func(st store.EPS) store.EPS { return hasty{st} } },
	},
	{
		Name: "outage: a wrong OTP is refused before the commit", About: "The authentication server says no to an OTP whose failure its database has not taken: there is no end of tries.",
		Claims: []string{"OUT-DB-readonly", "OUT-DB-locked"}, Reason: "validation of a wrong OTP: acknowledged without the part",
		Break: func(s *Seams) {
			c := &curt{wrong: map[reference.User]bool{}}
			s.Validation, s.Wrap = c.validation, c.wrap
		},
	},
	{
		Name: "outage: a database that was lost stays lost", About: "The EPS does not look again for a database that has failed it once.",
		Claims: []string{"OUT-DB-stop"}, Reason: "although its parts are back",
		Break: func(s *Seams) { s.Store = func(st store.EPS) store.EPS { return &resigned{EPS: st} } },
	},
	{
		Name: "outage: what cannot be looked up is not there", About: "The EPS takes a database that does not answer for one without rows.",
		Claims: []string{"OUT-DB-kill", "OUT-DB-network"}, Reason: "the answer has status 404, not 503",
		Break: func(s *Seams) { s.Store = func(st store.EPS) store.EPS { return blind{st} } },
	},
	{
		Name: "outage: the database is waited for", About: "The EPS asks its database until that answers, and has its callers wait.",
		Claims: []string{"OUT-DB-silent"}, Reason: "not answered in time",
		Break: func(s *Seams) {
			s.Config = func(c *server.Config) { c.Limits.Patience = time.Hour }
			s.Store = func(st store.EPS) store.EPS { return devoted{st} }
		},
	},
	{
		Name: "outage: an OTP that could not be judged counts", About: "The authentication server counts a failure for every OTP that its HSM did not answer for.",
		Claims: []string{"OUT-HSM-gone", "OUT-HSM-silent"}, Reason: "a failure was counted while the part was away",
		Break: func(s *Seams) {
			b := &blaming{blamed: map[reference.User]int{}}
			s.Validation, s.Wrap = b.validation, b.wrap
		},
	},
	{
		Name: "faults: the first MAC is believed", About: "What the EPS keeps is sealed by the first MAC that the HSM gives of it, right or wrong.",
		Claims: []string{"FAULT-whole"}, Reason: "the MAC is wrong",
		Break: func(s *Seams) {
			s.Module = func(slot string, m cryptoki.Module) cryptoki.Module {
				if slot != "eps" {
					return m // what a broken row of the other server does depends on who comes first
				}
				return &firstMAC{Module: m, keys: map[pkcs11.SessionHandle]pkcs11.ObjectHandle{}, given: map[pkcs11.ObjectHandle][2][]byte{}}
			}
		},
	},
}

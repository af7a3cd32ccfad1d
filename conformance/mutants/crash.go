package mutants

import (
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/store"
)

// crashing are the mutants of the claims that family crash judges: what looks right as long
// as no process dies.
var crashing = []Mutant{
	{
		Name:   "an enrolment is answered before it is committed",
		About:  "The bank has PIN and code a moment before the token is durably issued.",
		Claims: []string{"CRASH-enrolment", "ST-2.2.1-a"},
		Reason: "an acknowledged enrolment is cancelled",
		Break:  onStore(func(s store.EPS) store.EPS { return late{s, reference.Registered.Record()} }),
	},
	{
		Name:   "a new row comes without its cancellation",
		About:  "The row of an enrolment is committed alone; nothing says that it is to be cancelled unless it comes to its end.",
		Claims: []string{"CRASH-enrolment", "ST-2.2.1-a"},
		Reason: "the sides disagree",
		Break: onStore(func(s store.EPS) store.EPS {
			return changing(s, func(tx store.Tx) store.Tx { return silent{tx, string(plugin.Cancel)} })
		}),
	},
	{
		Name:   "the audit's head is told before the commit",
		About:  "The head of a group is outside the database before the group is in it.",
		Claims: []string{"CRASH-enrolment"},
		Reason: "does not start again",
		Break:  onStore(func(s store.EPS) store.EPS { return earlyHead{s} }),
	},
	{
		Name:   "a cancellation is done only once",
		About:  "The authentication server has no answer to a message that it has carried out already.",
		Claims: []string{"CRASH-cancellation"},
		Reason: "messages still wait",
		Break:  onAuthStore(func(s store.AuthServer) store.AuthServer { return unremembering{s} }),
	},
	{
		Name:   "a message is taken for answered when it is sent",
		About:  "The EPS takes a cancellation out of its outbox before the authentication server has it.",
		Claims: []string{"CRASH-cancellation"},
		Reason: "the sides disagree",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) { p.AuthServer = hopeful{p.AuthServer} }
		},
	},
	{
		Name:   "a token is delivered before its code is used up",
		About:  "The phone has its answer a moment before the use of the code is durable.",
		Claims: []string{"CRASH-provisioning"},
		Reason: "a token is delivered twice",
		Break:  onStore(func(s store.EPS) store.EPS { return late{s, reference.Delivered.Record()} }),
	},
	{
		Name:   "wrong codes are counted in memory",
		About:  "What was counted against a code ends with the process.",
		Claims: []string{"CRASH-provisioning"},
		Reason: "a failure was forgotten",
		Break:  onStore(func(s store.EPS) store.EPS { return &countless{EPS: s, failures: map[string]int{}} }),
	},
	{
		Name:   "an OTP is accepted before it is used up",
		About:  "The bank has its answer a moment before the counter is durable.",
		Claims: []string{"CRASH-validation"},
		Reason: "an OTP is accepted twice",
		Break:  onAuthStore(func(s store.AuthServer) store.AuthServer { return lateCounter{s} }),
	},
	{
		Name:   "failures of OTPs are counted in memory",
		About:  "What was counted against a token ends with the process.",
		Claims: []string{"CRASH-validation"},
		Reason: "a failure was forgotten",
		Break: onAuthStore(func(s store.AuthServer) store.AuthServer {
			return &forgiving{AuthServer: s, rows: map[reference.TokenID][]store.Credential{}}
		}),
	},
	{
		Name:   "a try to activate leaves no word",
		About:  "The EPS does not note that a try is under way, and asks nobody how one ended that was cut off.",
		Claims: []string{"CRASH-activation"},
		Reason: "the sides disagree",
		Break: onStore(func(s store.EPS) store.EPS {
			return changing(s, func(tx store.Tx) store.Tx { return silent{tx, string(plugin.Activate)} })
		}),
	},
	{
		Name:   "a token is active in memory",
		About:  "That a token is activated ends with the authentication server's process.",
		Claims: []string{"CRASH-activation"},
		Reason: "the sides disagree",
		Break: onAuthStore(func(s store.AuthServer) store.AuthServer {
			return &activeInMemory{AuthServer: s, rows: map[reference.TokenID][]store.Credential{}}
		}),
	},
	{
		Name:   "a try to activate is judged each time it comes",
		About:  "The authentication server has no result for a try that it has judged.",
		Claims: []string{"CRASH-activation"},
		Reason: "messages still wait",
		Break:  onAuthStore(func(s store.AuthServer) store.AuthServer { return unremembering{s} }),
	},
	{
		Name:   "revocations wait in memory",
		About:  "What the authentication server is to be told of a revocation ends with the process.",
		Claims: []string{"CRASH-revocation"},
		Reason: "the sides disagree",
		Break:  onStore(func(s store.EPS) store.EPS { return &lightOutbox{EPS: s, entries: map[string]store.OutboxEntry{}} }),
	},
}

func onStore(change func(store.EPS) store.EPS) func(*Seams) {
	return func(s *Seams) { s.Store = change }
}

func onAuthStore(change func(store.AuthServer) store.AuthServer) func(*Seams) {
	return func(s *Seams) { s.AuthStore = change }
}

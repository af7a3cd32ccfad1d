package mutants

import (
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// activated are the mutants of the claims on activation.
var activated = []Mutant{
	{
		Name:   "the route of activation is always there",
		About:  "The EPS answers activations that nobody asks for, and refuses each.",
		Claims: []string{"ST-2.2.2-b"},
		Reason: "without activation its route is there",
		Break:  func(s *Seams) { s.Wrap = on("public", answeringActivations) },
	},
	{
		Name:   "the EPS takes any OTP for right",
		About:  "The EPS makes a token active whatever the authentication server says of its OTP.",
		Claims: []string{"ST-2.2.2-b"},
		Reason: "a wrong OTP activates",
		Break:  onPlugin(func(a enroll.AuthServer) enroll.AuthServer { return obliging{a} }),
	},
	{
		Name:   "OTPs count before the activation",
		About:  "The authentication server tests the OTPs of tokens that wait for activation.",
		Claims: []string{"ACT-inactive"},
		Reason: "an OTP is accepted before the activation",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return impatientPolicy{p} }),
	},
	{
		Name:   "the OTP that activates is not used up",
		About:  "An activation leaves the counter as it was.",
		Claims: []string{"ACT-inactive"},
		Reason: "the OTP that has activated is accepted",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return unmoved{p} }),
	},
	{
		Name:   "tickets are not compared",
		About:  "Any ticket activates any token, with the right OTP.",
		Claims: []string{"ACT-ticket"},
		Reason: "ticket activates",
		Break:  onTickets(withoutTicketRule("wrong ticket")),
	},
	{
		Name:   "tickets bear any number of tries",
		About:  "Tries with a ticket are counted, and the count looked at by nobody.",
		Claims: []string{"ACT-ticket"},
		Reason: "tries the ticket is taken",
		Break: onTickets(func(p *enroll.Parts) {
			withoutTicketRule("too many tries")(p)
			p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return tireless{tx} })
		}),
	},
	{
		Name:   "tickets have no end",
		About:  "The expiry of a ticket is looked at nowhere.",
		Claims: []string{"ACT-ticket"},
		Reason: "after its end the ticket is taken",
		Break: onTickets(func(p *enroll.Parts) {
			withoutTicketRule("ticket has expired")(p)
			p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return undying{tx} })
		}),
	},
	{
		Name:   "a spent ticket is told so",
		About:  "Whoever comes with a spent ticket is told that the token is active, whatever the OTP.",
		Claims: []string{"ACT-ticket"},
		Reason: "a spent ticket is taken with another OTP",
		Break: func(s *Seams) {
			s.MPP = func(p *mpp.Parts) {
				if p.Activator != nil {
					p.Activator = &welcoming{Activator: p.Activator, spent: map[string]bool{}}
				}
			}
		},
	},
	{
		Name:   "a spent ticket tells its OTP from others",
		About:  "Whatever OTPs a spent ticket comes with, the one that has activated is told so: a copy of the phone finds its PIN by that.",
		Claims: []string{"ACT-ticket"},
		Reason: "a spent ticket that has come with another OTP tells",
		Break: onTickets(func(p *enroll.Parts) {
			p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return unforgetting{tx} })
		}),
	},
	{
		Name:   "refused activations leave at once",
		About:  "A refusal does not wait for its grid.",
		Claims: []string{"ACT-refusal"},
		Reason: "the refusal leaves off the grid",
		Break:  inProvisioning(func(p *mpp.Parts) { p.Waiter = impatient{} }),
	},
	{
		Name:   "the HSM draws more for tokens that have a ticket",
		About:  "Where there is a ticket to compare, the HSM is asked for random bytes once more.",
		Claims: []string{"ACT-refusal"},
		Reason: "HSM calls for a wrong ticket",
		Break:  onTickets(drawingForTickets),
	},
	{
		Name:   "refused activations are told by their length",
		About:  "A refusal is a byte longer than a grant.",
		Claims: []string{"ACT-refusal"},
		Reason: "length of the answer",
		Break:  func(s *Seams) { s.Wrap = on("public", longerRefusals) },
	},
	{
		Name:   "OTPs are not blinded",
		About:  "The digest of a message that the authentication server remembers is that of a guessable OTP.",
		Claims: []string{"ACT-kept"},
		Reason: "two messages have the same blind",
		Break: onPlugin(func(a enroll.AuthServer) enroll.AuthServer {
			return relaying{a, func(key string, t plugin.Attempt) (string, plugin.Attempt) {
				t.Blind = make([]byte, reference.BlindSize)
				return key, t
			}}
		}),
	},
	{
		Name:   "a try has its OTP for a name",
		About:  "The key of the message that has an OTP judged holds the OTP.",
		Claims: []string{"ACT-kept"},
		Reason: "in column authserver.messages.idempotency_key",
		Break: onPlugin(func(a enroll.AuthServer) enroll.AuthServer {
			return relaying{a, func(key string, t plugin.Attempt) (string, plugin.Attempt) {
				return key[:reference.TicketSize] + "-" + t.OTP + "-" + key[len(key)-8:], t
			}}
		}),
	},
	{
		Name:   "activation looks at no lock",
		About:  "A blocked token is activated, and is unblocked by it.",
		Claims: []string{"ATK-13"},
		Reason: "after a lock by activation, activation accepts the right OTP",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return unlockingPolicy{p} }),
	},
	{
		Name:   "failures of activation are not counted",
		About:  "OTPs that do not activate leave no count.",
		Claims: []string{"ATK-13"},
		Reason: "after a lock by activation, activation accepts the right OTP",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return freeTries{p} }),
	},
	{
		Name:   "an activation clears all counts",
		About:  "What was counted before an activation is forgotten by it.",
		Claims: []string{"ATK-13"},
		Reason: "failures by turns on activation and validation do not add up",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return cleanSlate{p} }),
	},
	{
		Name:   "wrong responses are not counted",
		About:  "Responses that were compared with one candidate leave no count.",
		Claims: []string{"ATK-13"},
		Reason: "wrong responses the right one is accepted",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return uncountedResponses{p} }),
	},
}

package catalogue

import "github.com/epsbench/epsbench/conformance"

// activation are claims of this project on the optional step of seed 000 §2.2.2, whose row
// is ST-2.2.2-b: what follows from the rest of the text for an EPS that offers it.
var activation = []conformance.Claim{
	{ID: "ACT-inactive", Source: "seed 000 §2.2.2", Target: authserver, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanValidate, conformance.CanResync, conformance.CanTraceHSM},
		Title:  "Before its activation a token is refused like any wrong OTP.",
		Method: "Right and wrong OTPs of a token that waits for activation, and of a user whom nobody knows, get the same status, headers and body from validation and resynchronisation, and the HSM the same calls for right and wrong. After the activation the OTP that activated is refused, and the next one accepted."},
	{ID: "ACT-ticket", Source: "seed 000 §2.2.2", Target: eps, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanValidate, conformance.CanUnlock, conformance.CanSetClock},
		Title:  "The ticket of an activation is one token's, single, bounded in tries and in time.",
		Method: "Right OTPs come without a ticket, with a changed one, with another token's, after the declared number of tries, after the declared time, and when the ticket is spent: refused, and the token stays as it is. Phones with one ticket and many OTPs at the same time: one activates. The request that has activated is told so again, until the ticket comes with another OTP: a copy of the phone tries no PINs on it."},
	{ID: "ACT-refusal", Source: "seed 000 §2.2.2", Target: eps, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanTraceHSM},
		Title:  "A refused activation does not tell what was wrong, and looks like a granted one.",
		Method: "An unknown token, a wrong ticket, a wrong OTP, a spent ticket and what is no request at all get answers of one length, with the headers of a granted one, on the declared grid, random and never twice the same. An unknown token and a wrong ticket take the same calls to the EPS's HSM, the least of two looks at each."},
	{ID: "ACT-kept", Source: "seed 000 §6.1, §2.2.2", Target: eps, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanReadDB, conformance.CanReadLogs, conformance.CanTapPlugin},
		Title:  "Of a ticket the EPS keeps a keyed hash, and of the OTP that activates nobody keeps anything.",
		Method: "Tickets and OTPs of right and wrong activations are searched in databases, files and logs in all encodings. The authentication server remembers digests of the messages that have an OTP judged: each holds 16 bytes that blind it, others for each token, and these are searched too, as without them a digest gives the OTP to whoever tries all."},
}

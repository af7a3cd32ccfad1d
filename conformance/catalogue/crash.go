package catalogue

import "github.com/epsbench/epsbench/conformance"

// crash are claims of this project: what the sources say of enrolment, provisioning and
// validation has to hold for a server that is killed in the middle of them too.
var crash = []conformance.Claim{
	{ID: "CRASH-enrolment", Source: "seed 000 §2.2.1, §2.1", Target: eps, Family: "crash", Status: auto,
		Needs:  needs{conformance.CanKill},
		Title:  "A server killed during an enrolment leaves all of it or nothing.",
		Method: "EPS and authentication server, each a process, kill themselves (SIGKILL) at named points between HSM, commit, message and answer. An acknowledged enrolment is delivered and its OTP accepted afterwards; of another one both sides agree that there is nothing, or that there is a token, which the bank can revoke. No message waits, the audit verifies, and a new enrolment of the user comes to its end. Cheap settings: PBKDF2 with 1,000 iterations."},
	{ID: "CRASH-cancellation", Source: "seed 000 §2.2.1, §2.1", Target: eps, Family: "crash", Status: auto,
		Needs:  needs{conformance.CanKill},
		Title:  "What was left of an enrolment is cancelled on both sides, whoever is killed meanwhile.",
		Method: "The EPS is killed twice: during an enrolment, when the authentication server has carried it out or has never heard of it, and again, or the other server, at named points from the row that is given up to the acknowledgement of the cancellation. Afterwards both sides agree that the token is cancelled, no message waits, and the user gets another token."},
	{ID: "CRASH-provisioning", Source: "seed 000 §2.2.2, §6.3", Target: eps, Family: "crash", Status: auto,
		Needs:  needs{conformance.CanKill},
		Title:  "A server killed during a provisioning delivers the token once or not at all, and forgets no wrong code.",
		Method: "The EPS kills itself at named points of a delivery and of the refusal that kills a code. A delivery that the phone has opened is never made again; one that was committed and lost is refused, and its code is not reissued; otherwise the code opens once. Wrong codes that were refused before the kill count after it. Two wrong codes kill one here."},
	{ID: "CRASH-validation", Source: "seed 001 §C.1.c.3.2, seed 000 §2.1", Target: authserver, Family: "crash", Status: auto,
		Needs:  needs{conformance.CanKill},
		Title:  "A server killed during a validation accepts no OTP twice and forgets no failure.",
		Method: "The authentication server kills itself at named points of an accepted OTP and of the failure that locks a token. An OTP that was accepted is refused afterwards and the next one accepted; one that got no answer is accepted once at most; the failure that locks counts if it was answered."},
	{ID: "CRASH-activation", Source: "seed 000 §2.2.2, §2.1", Target: eps, Family: "crash", Status: auto,
		Needs:  needs{conformance.CanKill},
		Title:  "A server killed during an activation leaves the token active on both sides or on neither.",
		Method: "Where activation is offered. Either server kills itself at named points between the count of the try and the answer to the phone. An acknowledged activation stands on both sides; of another one both sides agree that the token is active, or that it is not, and then the next OTP activates it. The request that has activated is told so again, its OTP does not log in, and the next one does."},
	{ID: "CRASH-revocation", Source: "seed 000 §2.1, §2.2.1", Target: eps, Family: "crash", Status: auto,
		Needs:  needs{conformance.CanKill},
		Title:  "A revocation that was acknowledged reaches the authentication server, whoever is killed on the way.",
		Method: "Either server kills itself at named points between the EPS's commit and the last acknowledgement. An acknowledged revocation stands on both sides and the token's OTPs are refused; another one stands on both sides or on neither."},
}

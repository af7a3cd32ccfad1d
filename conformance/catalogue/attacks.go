package catalogue

import "github.com/epsbench/epsbench/conformance"

// attacks are classes of attack that products of this kind have fallen to. The source is a
// public case, or what a text says against it. Their numbers are those of a longer list:
// the classes that are missing here are judged by claims of the sources themselves.
var attacks = []conformance.Claim{
	{ID: "ATK-06", Source: "CVE-2015-5464", Target: eps, Family: "mpp", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanValidate, conformance.CanTraceHSM, conformance.CanCallModule},
		Title:  "No key is searched piece by piece: none is cut from another, glued to known bytes, or short.",
		Method: "In the calls that enrolment, provisioning and validation make to both HSMs, no derivation extracts from, concatenates or XORs a key, and no secret key is asked for with fewer than 128 bits. On a token of the module no derivation gives a part of a key, alone or beside known bytes, and none that cuts or XORs is offered."},
	{ID: "ATK-07", Source: "seed 000 §6.3", Target: eps, Family: "mpp", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision},
		Title:  "A captured provisioning is worth nothing in another session.",
		Method: "A granted request is sent again, as it was and with each of its parts put into a new session: refused, and nothing moves. Its answer, and each part of it, is handed to phones with a new request, for the same token and for another: refused by the phone."},
	{ID: "ATK-08", Source: "keycloak/keycloak#13867", Target: eps, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate, conformance.CanEnrol, conformance.CanProvision, conformance.CanNode},
		Title:  "What is good once is good once over all nodes: an OTP, and a registration code.",
		Method: "Two authentication servers and two EPS on one database and token. 200 equal OTPs at the same time, on alternating nodes, and one on each node for more users: one is accepted. A crowd of phones with one registration code on alternating nodes: one gets the token."},
	{ID: "ATK-09", Source: "CVE-2025-6014, openbao/openbao#1625", Target: authserver, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate},
		Title:  "An OTP has one spelling, and so has a user.",
		Method: "Used and unused OTPs with spaces, signs, controls, NUL, zeros, and digits of other scripts are refused; the plain ones are refused and accepted. An OTP under another spelling of the user's name is refused, and its failures are not counted against him."},
	{ID: "ATK-10", Source: "RFC 4226 §7.4, RFC 6238 §6", Target: authserver, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate, conformance.CanEnrol, conformance.CanResync, conformance.CanSetClock},
		Title:  "Resynchronisation and drift move the window; they do not widen it or lead back.",
		Method: "Pairs of OTPs around the declared reach of a resynchronisation are accepted just within it, and none that was used. Each offset around the counter is tried on tokens that have resynchronised and that have failed to, each around the time on tokens whose clock has gone wrong step by step: those accepted are the declared window. The drift ends at the declared bound."},
	{ID: "ATK-11", Source: "CVE-2026-35597", Target: authserver, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate, conformance.CanEnrol, conformance.CanNode, conformance.CanSeeRoutes, conformance.CanAbort},
		Title:  "A failure counts, whatever becomes of the call or of its transaction.",
		Method: "Callers hand in wrong OTPs and hang up at once: then the right one is refused. Wrong OTPs for many users meet at two nodes, so that transactions conflict and are taken back: no failure is lost. The transaction of each failure is rolled back after it has counted: the failures still block. Where every transaction is rolled back, right and wrong OTPs are answered alike, and none is accepted."},
	{ID: "ATK-12", Source: "privacyidea/keycloak-provider#71", Target: authserver, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate, conformance.CanEnrol, conformance.CanResync, conformance.CanTraceHSM},
		Title:  "A blocked token does not tell right OTPs from wrong ones.",
		Method: "Right and wrong OTPs of a blocked token get the same status, headers and body, from validation and from resynchronisation, and the HSM gets the same calls."},
	{ID: "ATK-13", Source: "keycloak/keycloak#50996", Target: authserver, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate, conformance.CanEnrol, conformance.CanResync},
		Title:  "A lock blocks every way in, and every way in leads to it.",
		Method: "Each call that judges OTPs gets the declared number of wrong ones; then each call gets right ones, which are refused. Failures handed in by turns at all of them add up. Responses to challenges block a token for challenges in the same way; where activation is offered, its failures block the login, and those of both add up."},
	{ID: "ATK-14", Source: "RFC 4226 §7.3", Target: eps, Family: "mpp", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanValidate, conformance.CanSeeRoutes},
		Title:  "A stranger cannot lock the users out.",
		Method: "Strangers fail at the public routes some hundred times, with locators that they make up, and hand in wrong OTPs without a certificate; all users get their tokens and log in. How long the users waited meanwhile, and what a stranger can do who has read one locator, is measured and shown."},
	{ID: "ATK-18", Source: "seed 000 §6.4", Target: eps, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanValidate, conformance.CanReadDB, conformance.CanWriteDB},
		Title:  "One user's rows give another nothing.",
		Method: "All that the databases hold of one user's token is written into another's rows, but for whose they are: the other's phone gets no token, and neither user's OTPs are accepted under the other's name."},
}

package catalogue

import "github.com/epsbench/epsbench/conformance"

// outages are claims of this project: what the sources say of enrolment, provisioning and
// validation has to hold when the HSM or the database is away too.
var outages = []conformance.Claim{
	outage("HSM-gone", "A token that is pulled and put back takes nothing with it.",
		"Both tokens are pulled: their sessions end, no slot has a token, every call gives CKR_DEVICE_REMOVED or CKR_TOKEN_NOT_PRESENT."),
	outage("HSM-session", "A server whose HSM sessions are closed opens others.",
		"C_CloseAllSessions behind the servers' back, which ends the logins and every session key. Each call is carried out or answered with 503, and then all works."),
	outage("HSM-login", "A server whose HSM login ends logs in again.",
		"C_Logout behind the servers' back; the sessions stay. Each call is carried out or answered with 503, and then all works."),
	outage("HSM-silent", "An HSM that does not answer keeps nobody waiting.",
		"No call of PKCS#11 comes back. When the token speaks again it does late what it was asked, which nobody waits for any more."),
	outage("DB-readonly", "A database that does not write is noticed before it is needed.",
		"SQLite refuses every write (PRAGMA query_only: the answer is that of a file that is read-only); reads go on.", onSQLite),
	outage("DB-full", "A database without room loses nothing that was acknowledged.",
		"SQLite may not let its files grow (PRAGMA max_page_count, with all free pages filled: the answer is that of a full disk). Tokens are made until there is no room; what needs none may still be carried out.", onSQLite),
	outage("DB-locked", "A database that another process holds keeps nobody waiting.",
		"Another connection to each SQLite file begins to write and does not end (BEGIN IMMEDIATE).", onSQLite),
}

// course is what is done in every outage.
const course = " Before it people get tokens and codes. While the part is away each server says that it is not ready, and names the part; an enrolment, a revocation, a reissue, OTPs that are right and wrong, queries and a phone's request are made at once: each is answered within the target's patience, with what is then really so, or with 503 and a problem document with a trace id and no word of the inside, or with the refusal that all phones get. When the part is back, without a restart, both are ready; the OTP that got no answer is accepted, once; no failure was counted that was not told; what was refused is done at the second try; both databases agree and hold all that was acknowledged, no message waits, and the audit verifies."

// where a claim can be judged.
type where func(*conformance.Claim)

func outage(id, title, method string, places ...where) conformance.Claim {
	c := conformance.Claim{
		ID: "OUT-" + id, Source: "seed 000 §2.2, §6.1", Target: eps, Family: "outage", Status: auto,
		Needs: needs{conformance.CanBreak}, Title: title, Method: method + course,
	}
	for _, at := range places {
		at(&c)
	}
	return c
}

func onSQLite(c *conformance.Claim) {
	c.Only, c.Why = keptInSQLite, "the target does not keep its data in SQLite"
}

func keptInSQLite(id conformance.Identity) bool { return id.Store["engine"] == "SQLite" }

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
		"Every write is refused, reads go on: SQLite by PRAGMA query_only, whose answer is that of a file that is read-only; MariaDB by read_only, which holds for the servers' account.", ours),
	outage("DB-full", "A database without room loses nothing that was acknowledged.",
		"SQLite may not let its files grow, and has no free page (PRAGMA max_page_count: the answer is that of a full disk). MariaDB's file system is filled to its last byte, and so is its file of tables. Tokens are made until there is no room; what needs none may still be carried out.", inReach),
	outage("DB-locked", "A database that another process holds keeps nobody waiting.",
		"SQLite: another connection to each file begins to write and does not end (BEGIN IMMEDIATE). MariaDB: another client locks every table against changes, as a backup does (LOCK TABLES … READ)."),
	outage("DB-stop", "A database server that is stopped and started again is found again.",
		"MariaDB ends in an orderly way, and starts again at the same address.", served),
	outage("DB-kill", "A database server that is killed takes nothing with it that was acknowledged.",
		"MariaDB is killed (SIGKILL), and starts again on what it had written.", served),
	outage("DB-silent", "A database that does not answer keeps nobody waiting.",
		"MariaDB's processes are frozen: connections are made and bytes are taken, and nothing comes back. When it goes on it does late what it was asked.", served),
	outage("DB-network", "A database that cannot be reached is found again.",
		"MariaDB's container is taken off its networks: connections break, and new ones are refused.", contained),
}

// course is what is done in every outage.
const course = " Before it people get tokens and codes. While the part is away each server says that it is not ready, and names the part; an enrolment, a revocation, a reissue, OTPs that are right and wrong, queries and a phone's request are made at once: each is answered within the target's patience, with what is then really so, or with 503 and a problem document with a trace id and no word of the inside, or with the refusal that all phones get. When the part is back, without a restart, both are ready; the OTP that got no answer is accepted, once; no failure was counted that was not told; what was refused is done at the second try; both databases agree and hold all that was acknowledged, no message waits, the audit verifies, and the EPS's token holds no more objects than before."

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

// What can be taken away: a file, a server that the bench has started, or one that it has
// started in a container. Of a server that is somebody else's, whoever uses it beside the
// target would lose it too.
var (
	ours      = only(func(file bool, server string) bool { return file || server != "" }, "the database server is not the bench's own")
	served    = only(func(file bool, server string) bool { return server != "" }, "there is no database server of the bench's own; --store mariadb starts one")
	inReach   = only(func(file bool, server string) bool { return file || server == "container" }, "the database server is not in a container of the bench's own")
	contained = only(func(file bool, server string) bool { return server == "container" }, "there is no database server in a container of the bench's own")
)

func only(can func(file bool, server string) bool, why string) where {
	return func(c *conformance.Claim) {
		c.Only = func(id conformance.Identity) bool { return can(id.Store["engine"] == "SQLite", id.Store["server"]) }
		c.Why = why
	}
}

// Package pin judges the PIN layer and what stands behind it: seed 000 §6.1 (a wrong PIN
// gives a wrong OTP that nobody can tell from a right one, offline), the lock that limits
// tries online, and the counters and windows that the lock relies on.
//
// Start at specs. holder.go makes the users that the specs work with; solver.go is the
// attacker who has a phone's data and no PIN.
package pin

import (
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family is the family for a profile: full takes more tokens and longer attacks.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{
		Name: "pin", Claims: catalogue.All(), Profile: p,
		Specs: func(t conformance.Target) { specs(t, sizes[p]) },
	}
}

// size is how much is tried.
type size struct {
	tokens int // whose secrets are compared with each other
	crowd  int // users whose lock is raced for
	suites []string

	many  int // enrolments whose PINs and codes are compared
	users int // of those, with a phone whose OTPs are compared
	dear  int // phones beside them whose KEKs cost what the target asks for
	otps  int // OTPs of each class, for each phone
	// What the statistics have to be able to find, or else they judge nothing: a share that
	// is larger by so much, of all or of first OTPs; a correlation; words of so many bits.
	excess, first, correlation, bits float64

	lanes, otpRounds  int     // users of each kind at the same time, and refusals of each
	phones, mppRounds int     // the same of provisioning
	later             float64 // milliseconds that have to be found
	missed            float64 // share of answers; 0: too few to compare it
}

var (
	fewer = size{
		tokens: 6, crowd: 12, suites: []string{"HOTP-SHA256-6"},
		many: 400, users: 64, otps: 96, excess: 0.25, first: 0.6, correlation: 0.4, bits: 12,
		lanes: 8, otpRounds: 3, phones: 8, mppRounds: 3, later: 1000,
	}
	more = size{
		tokens: 40, crowd: 60, suites: []string{"HOTP-SHA256-6", "HOTP-SHA1-7", "HOTP-SHA512-8", "TOTP-SHA256-6-30"},
		many: 50_000, users: 2000, dear: 8, otps: 64, excess: 0.02, first: 0.08, correlation: 0.04, bits: 27,
		lanes: 16, otpRounds: 400, phones: 16, mppRounds: 100, later: 1, missed: 0.05,
	}
	sizes = map[conformance.Profile]size{"": fewer, conformance.Quick: fewer, conformance.Full: more, conformance.CSPN: more}
)

func specs(t conformance.Target, n size) {
	layer(t, n)
	application(t)
	wrongPIN(t)
	solver(t, n)
	lock(t, n)
	suspended(t)
	rate(t, n)
	unlock(t)
	counter(t)
	window(t)
	enumeration(t)
	canary(t)
	statistics(t, n)
}

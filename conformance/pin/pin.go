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
}

var (
	fewer = size{tokens: 6, crowd: 12, suites: []string{"HOTP-SHA256-6"}}
	more  = size{tokens: 40, crowd: 60, suites: []string{"HOTP-SHA256-6", "HOTP-SHA1-7", "HOTP-SHA512-8", "TOTP-SHA256-6-30"}}
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
}

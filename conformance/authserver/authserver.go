// Package authserver judges the authentication server where it does more than compare
// one-time passwords: challenges and the responses to them, what has been tried against
// servers that judge OTPs, and the optional activation of a token by its first one.
//
// Start at specs.
package authserver

import (
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family is the family for a profile: full draws more challenges.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{
		Name: "authserver", Claims: catalogue.All(), Profile: p,
		Specs: func(t conformance.Target) { specs(t, sizes[p]) },
	}
}

// size is how much is tried.
type size struct {
	challenges int // of each alphabet; each has 64 characters
}

var (
	fewer = size{challenges: 200}
	more  = size{challenges: 10_000}
	sizes = map[conformance.Profile]size{"": fewer, conformance.Quick: fewer, conformance.Full: more, conformance.CSPN: more}
)

func specs(t conformance.Target, n size) {
	unpredictable(t, n)
	confidential(t)
	dictionary(t)
	once(t)
	application(t)
	atNodes(t)
	spelling(t)
	moving(t)
	locked(t)
	transplanted(t)
	thirdParty(t)
	census(t)
	a := &activating{beside: t}
	optional(t, a)
	inactive(t, a)
	blocked(a)
	tickets(t, a)
	uniform(t, a)
	kept(t, a)
}

// Package mpp judges how a token gets to a phone: seed 000 §6.3 step by step, and what an
// attacker on that way may try. The phone is package oracle's.
//
// Start at Family. flow.go is the story of one provisioning, told by what was on the wire
// and in the HSM's trace; codes.go, guesses.go and othereps.go the registration code; alike.go and spoken.go what refusals could tell; keys.go, block.go and
// mutual.go who can ask and who can answer; wire.go, replay.go, hostile.go and input.go what
// an attacker sees, repeats and changes; listeners.go, callers.go and transport.go who gets
// in where; derivations.go, captured.go and denial.go what other products have fallen to.
// literal.go and literal_codes.go judge MPP v1, the text taken literally, where it is on, in
// the same claims; stolen.go both versions. eps.go, refusal.go and store.go have the words
// that all of them use.
package mpp

import (
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family gives the specs for a profile: full changes every byte of a message, quick 64.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{
		Name: "mpp", Claims: catalogue.All(), Profile: p,
		Specs: func(t conformance.Target) { specs(t, p) },
	}
}

func specs(t conformance.Target, p conformance.Profile) {
	flow(t, p)
	literalFlow(t, p)
	literalCodes(t)
	literalRequests(t)
	stolen(t)
	codes(t)
	guesses(t)
	alike(t)
	otherEPS(t)
	keys(t)
	block(t)
	mutual(t)
	recorded(t)
	replayed(t)
	changed(t, p)
	input(t)
	audited(t)
	listeners(t)
	callers(t)
	transport(t)
	derivations(t)
	captured(t)
	denial(t)
	literalGuesses(t) // last: what it spends is missed by no other
}

// quickly is how many positions of a message are changed in profile quick.
const quickly = 64

// positions spreads what is changed over a message of n bytes.
func positions(n int, p conformance.Profile) []int {
	count := min(n, quickly)
	if p == conformance.Full || p == conformance.CSPN {
		count = n
	}
	at := make([]int, count)
	for i := range at {
		at[i] = i * (n - 1) / max(1, count-1)
	}
	return at
}

// flip gives b with one bit of byte i changed: another bit for each i.
func flip(b []byte, i int) []byte {
	changed := append([]byte(nil), b...)
	changed[i] ^= 1 << (i % 8)
	return changed
}

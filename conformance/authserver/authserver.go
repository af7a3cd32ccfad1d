// Package authserver judges the authentication server where it does more than compare
// one-time passwords: challenges and the responses to them.
//
// Start at specs.
package authserver

import (
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family is the family for a profile: full draws more challenges.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{Name: "authserver", Claims: catalogue.All(), Profile: p, Specs: specs}
}

func specs(t conformance.Target) {
	confidential(t)
}

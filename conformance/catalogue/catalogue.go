// Package catalogue lists every claim that this project judges or will judge, with the
// sentence of the source behind it.
//
// Start at All. One file a source: st.go is the security target (seed 000), rgs.go the
// RGS annex B3 (seed 001), onespan.go the ICSF solution (seed 002), mpcos.go the smart
// card report (seed 003), digipass.go the Digipass protection (seed 004), rfc.go the RFCs;
// attacks.go what products of this kind have fallen to; crash.go, outage.go and activation.go
// have claims of this project's own, with the sentence that they follow from.
// Ids never change their meaning; a claim starts to be judged when its status becomes
// automated.
package catalogue

import (
	"slices"
	"strings"

	"github.com/epsbench/epsbench/conformance"
)

// Short names for the tables.
const (
	eps        = conformance.KindEPS
	authserver = conformance.KindAuthServer
	module     = conformance.KindModule
	phone      = conformance.KindPhone
	card       = conformance.KindCard

	auto   = conformance.Automated
	later  = conformance.NotAutomated
	people = conformance.Organisation
)

type needs = []conformance.Capability

// All gives every claim, in the order of the sources. The caller may change what it gets.
func All() []conformance.Claim {
	claims := slices.Concat(st, rgs, onespan, digipass, mpcos, rfc, crash, activation, outages, faults, hsms, attacks)
	for i := range claims {
		if claims[i].Level == "" {
			claims[i].Level = level(claims[i].ID)
		}
		claims[i].Needs = slices.Clone(claims[i].Needs)
	}
	return claims
}

// keepsKeystore holds for the profile that stores what the security target lists.
func keepsKeystore(id conformance.Identity) bool { return id.Profile == "st-2.6.1" }

// tellsKeys holds where the HSM is one that stands in for another, in the bench's hands.
func tellsKeys(id conformance.Identity) bool { return id.HSM["kind"] == conformance.EmulatedHSM }

// whyNoKeys is why what asks for that does not apply elsewhere.
const whyNoKeys = "this HSM tells nobody what its keys are, which is what it is for, so the bench lacks hsm-keys; judged with --hsm emulator"

// valuesMethod is how the values of keys are searched.
const valuesMethod = "The values are searched, in pieces of 16 bytes and in all encodings, in every column and file of the databases, in the other files that the process leaves, in the logs and in what it prints, on both wires, in the audit, and in the answers of every documented route about a token or a user, an enrolment's too; as positive control each is planted in a copy of each place. Left out is what the HSM decrypts for its host, or lets it read, as its caller asked for that; a key that could be read is among the values by the call that made it."

// level: the RGS calls what must be a Règle and what should be a Recommandation; every
// other source only says what is.
func level(id string) conformance.Level {
	if strings.HasPrefix(id, "RGS-Recom") {
		return conformance.Should
	}
	return conformance.Must
}

// Find gives one claim by its id.
func Find(id string) (conformance.Claim, bool) {
	for _, c := range All() {
		if c.ID == id {
			return c, true
		}
	}
	return conformance.Claim{}, false
}

// ByFamily gives the claims of one family, automated or not.
func ByFamily(name string) []conformance.Claim {
	return slices.DeleteFunc(All(), func(c conformance.Claim) bool { return c.Family != name })
}

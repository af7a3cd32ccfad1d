// Package store judges what an EPS keeps, and how (seed 000 §4, §6.2): what is in its
// database, its files, its logs and on its plug-in wire, and what its HSM lets out.
//
// Start at Family. census.go looks at every column; secrets.go hunts for PINs, codes and the
// keys that a phone knows, values.go for all that an HSM knows; masters.go, wrapped.go, row.go
// and transport.go ask the tokens themselves; tampering.go, altered.go and rewound.go change
// rows behind the target's back; keystore.go looks for the RSA pair. What is particular to the
// way the reference EPS stores things stands in tables at the head of the file that uses it;
// that of every table and column in layout.go and columns.go.
package store

import (
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family is the family of every profile.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{Name: "store", Claims: catalogue.All(), Profile: p, Specs: specs}
}

func specs(t conformance.Target) {
	w := &world{Target: t}
	for _, register := range []func(*world){
		census, answers, secrets, values, registration, sealedCodes, masters, wrapped, row, mechanisms, templates, transport, binding, tampering, altered, rewound, keystore, persistence, identity,
	} {
		register(w)
	}
}

// world is the target and the users that the specs of one run share.
type world struct {
	conformance.Target
	crowd []*user
	drawn []*user
	twin  conformance.Target
}

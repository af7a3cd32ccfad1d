package main

import (
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance/authserver"
	"github.com/epsbench/epsbench/conformance/catalogue"
	"github.com/epsbench/epsbench/conformance/crash"
	"github.com/epsbench/epsbench/conformance/hsm"
	"github.com/epsbench/epsbench/conformance/mpp"
	"github.com/epsbench/epsbench/conformance/mutants"
	"github.com/epsbench/epsbench/conformance/outage"
	"github.com/epsbench/epsbench/conformance/pin"
	"github.com/epsbench/epsbench/conformance/rfc"
	"github.com/epsbench/epsbench/conformance/store"
)

// registry is what this program can judge, and by what. To add a suite or a target
// is to add a row here; claims and mutants have tables of their own.
func registry() run.Registry {
	r := run.Registry{
		Claims: catalogue.All(), Findings: catalogue.Text(),
		Suites: []run.Suite{
			{Name: "rfc", Long: 6, About: "published vectors, on the module and through the authentication server", Family: rfc.Family},
			{Name: "mpp", Long: 16, About: "how a token gets to a phone, and what an attacker on that way may try", Family: mpp.Family},
			{Name: "pin", Long: 18, About: "what a PIN opens, what guessing it takes, and where the guessing ends", Family: pin.Family},
			{Name: "store", Long: 9, About: "what is kept, and how: every column, secrets in every place, keys in their tokens", Family: store.Family},
			{Name: "authserver", Long: 12, About: "what the authentication server does with OTPs, challenges, activations and attacks on them", Family: authserver.Family},
			{Name: "hsm", Long: 1, About: "what a PKCS#11 module is by itself: the HSM that it is said to be, the rules that keys rely on", Family: hsm.Family},
			{Name: "crash", Long: 20, About: "what is left when a server is killed in the middle of its work", Family: crash.Family},
			{Name: "outage", Long: 14, About: "what is done and lost when the HSM or the database is away, and when it is back", Family: outage.Family},
			{Name: "faults", Long: 8, About: "what an HSM that is there and fails makes of the EPS: each fault that has been seen in the field", Family: outage.Faults},
		},
		Targets: []run.Target{target.Reference, target.Literal, target.Module, target.ModuleNamed},
	}
	for _, m := range mutants.All() {
		r.Mutants = append(r.Mutants, run.Mutant{Name: m.Name, About: m.About, Claims: m.Claims, Reason: m.Reason, Target: m.Target})
	}
	return r
}

package catalogue

import "github.com/epsbench/epsbench/conformance"

// faults are claims of this project: an HSM that is there may still fail, and what the
// sources say has to hold then too. Each scenario is something that has happened.
var faults = []conformance.Claim{
	fault("closed", "An EPS whose HSM fails refuses, and tells nobody why.",
		"Each call is carried out, or answered within the target's patience with 503 and a problem document with a trace id and no word of the inside, or, to a phone, with the refusal that all phones get. No wrong OTP is accepted, and the one that is due is not refused, save where the HSM itself computes something else."),
	fault("recovers", "An EPS works again when its HSM does.",
		"When the scenario ends, without a restart, both servers are ready; the OTP that got no answer was taken at most once, the next is accepted; what was refused is done at the second try."),
	fault("whole", "A failing HSM leaves no token half made, and no gap in the audit.",
		"Both databases agree and hold what was acknowledged, no message waits, the audit verifies, and the EPS's token holds no more objects than before."),
}

func fault(id, title, method string) conformance.Claim {
	return conformance.Claim{
		ID: "FAULT-" + id, Source: "seed 000 §2.2, §6.1", Target: eps, Family: "faults", Status: auto,
		Needs: needs{conformance.CanBreak}, Title: title,
		Method: "Every scenario of `epsbench list faults` is played by the HSMs of both servers, while users hand in right and wrong OTPs and others are enrolled and provisioned. " + method,
	}
}

package catalogue

import "github.com/epsbench/epsbench/conformance"

// hsms are claims of this project on a PKCS#11 module alone: what the keys of an EPS rely
// on, whoever has made the module. An EPS in front of a module is judged by what it makes of
// it, so that all but the first are about a module that is judged by itself.
var hsms = []conformance.Claim{
	{ID: "HSM-named", Source: "seed 000 §2.2", Target: module, Family: "hsm", Status: auto, Needs: needs{conformance.CanPromise, conformance.CanCallModule},
		Only: isNamed, Why: "the HSM is not said to be a certain one: see --personality and epsbench list personalities",
		Title:  "An HSM that is said to be a certain one does what that one does.",
		Method: "Each rule of the personality names a probe, a few calls of PKCS#11, and what it observes: a return value, attributes, sizes. A case is a rule; `epsbench list personalities --of NAME` has its source and how sure it is."},
	alone("operations", conformance.Must, "An EPS finds on the module a way to do each of its operations.",
		"The operations of the reference EPS and its authentication server are tried by known answers, strategy by strategy; a case is an operation, and says by which strategy it works or what each lacks.", conformance.CanTellStrategies),
	alone("unread", conformance.Must, "No value of a sensitive or unextractable key is given out.",
		"C_GetAttributeValue of CKA_VALUE of a sensitive key and of an unextractable one; C_WrapKey of an unextractable one."),
	alone("sticky", conformance.Must, "No key becomes less protected than it was made.",
		"CKA_SENSITIVE to false, CKA_EXTRACTABLE to true, by C_SetAttributeValue and in a copy."),
	alone("fixed", conformance.Must, "CKA_MODIFIABLE and CKA_COPYABLE hold.",
		"A usage is added to a key that is not modifiable; a key that is not copyable is copied."),
	alone("template", conformance.Must, "CKA_UNWRAP_TEMPLATE is enforced.",
		"A readable, extractable key is unwrapped under a key whose template allows only sensitive ones that stay."),
	alone("trusted", conformance.Must, "CKA_WRAP_WITH_TRUSTED is enforced.",
		"A key that wants a trusted wrapping key is wrapped under one that is not."),
	alone("tampered", conformance.Must, "An altered wrapped key or ciphertext is refused.",
		"A bit of a key wrapped by RFC 3394 is flipped; a text that was never sealed is opened with GCM."),
	alone("login", conformance.Must, "Private keys work for their user alone.",
		"A private key is used after C_Logout, under the handle from before."),
	alone("random", conformance.Must, "Random numbers do not begin anew.",
		"C_GenerateRandom after each of two C_Initialize."),
	alone("usages", conformance.Should, "No key has usages that together read any other (Clulow 2003, Bortolozzo et al. 2010).",
		"A key with WRAP and DECRYPT, and one with UNWRAP and ENCRYPT, is generated; a wrapped key is unwrapped twice, with one of the two usages each time."),
	alone("children", conformance.Should, "No readable key is derived from a sensitive one.",
		"A key is derived by encrypting known data, with CKA_SENSITIVE false, and read."),
	alone("check-value", conformance.Should, "A secret can be kept without a check value that tells of it.",
		"A generic secret is made with an empty CKA_CHECK_VALUE, which is read."),
	alone("gcm-iv", conformance.Should, "GCM without an IV does not repeat one.",
		"The same text is sealed twice under one key with no IV given."),
}

func isNamed(id conformance.Identity) bool {
	return id.HSM["personality"] != "" || id.HSM["held against"] != ""
}

func isAlone(id conformance.Identity) bool { return id.Kind == conformance.KindModule }

func alone(id string, level conformance.Level, title, method string, more ...conformance.Capability) conformance.Claim {
	return conformance.Claim{
		ID: "HSM-" + id, Source: "seed 000 §2.2; PKCS#11 v2.40", Level: level, Target: module, Family: "hsm", Status: auto,
		Needs: append(needs{conformance.CanCallModule}, more...), Only: isAlone, Why: "the module is judged as a part of an EPS: epsbench hsm judges one by itself",
		Title: title, Method: method,
	}
}

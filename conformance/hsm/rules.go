package hsm

import (
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

// rule is something that keys rely on, whatever the HSM.
type rule struct {
	claim, text string
	probes      []string
	good        types.GomegaMatcher
	wants       string
}

// refused is a return value, and not CKR_OK.
var refused = And(HavePrefix("CKR_"), Not(HavePrefix("CKR_OK")))

var rules = []rule{
	{"HSM-unread", "gives no sensitive value away", []string{"read-sensitive", "read-private", "read-unextractable", "wrap-unextractable"},
		refused, "the value stays inside"},
	{"HSM-sticky", "lets no key become less protected", []string{"weaken CKA_SENSITIVE", "weaken CKA_EXTRACTABLE", "weaken-copy CKA_SENSITIVE", "weaken-copy CKA_EXTRACTABLE"},
		refused, "the change is refused"},
	{"HSM-fixed", "changes no key that is not modifiable, and copies none that is not copyable", []string{"fixed set", "fixed copy"},
		refused, "the change is refused"},
	{"HSM-template", "enforces the template of an unwrapping key", []string{"unwrap-template"},
		refused, "a key against the template is refused"},
	{"HSM-trusted", "wraps a key that wants a trusted key under no other", []string{"untrusted-wrap"},
		refused, "the wrapping is refused"},
	{"HSM-tampered", "takes no altered key and no altered text", []string{"unwrap-tampered", "decrypt-tampered"},
		refused, "the alteration is refused"},
	{"HSM-login", "shows private objects and uses private keys only to its user", []string{"after-logout"},
		refused, "the key is out of reach"},
	{"HSM-random", "draws new random numbers after each start", []string{"random-again"},
		Equal("another"), "other numbers"},
	{"HSM-usages", "lets no key wrap and decrypt, or unwrap and encrypt, nor two keys of one value", []string{"generate CKA_WRAP=1,CKA_DECRYPT=1", "generate CKA_UNWRAP=1,CKA_ENCRYPT=1",
		"unwrap-twice CKA_WRAP CKA_DECRYPT", "unwrap-twice CKA_UNWRAP CKA_ENCRYPT"},
		refused, "the template is refused"},
	{"HSM-children", "derives nothing readable from what is not", []string{"derive-readable"},
		Or(refused, Equal("derived, and not read")), "the child is not readable"},
	{"HSM-check-value", "publishes no part of a secret as its check value", []string{"check-value"},
		Equal("empty"), "an empty CKA_CHECK_VALUE stays empty"},
	{"HSM-gcm-iv", "repeats no IV of GCM by itself", []string{"gcm-iv none"},
		Or(refused, HavePrefix("an IV of"), Equal("CKR_OK")), "a refusal, or an IV of its own"},
}

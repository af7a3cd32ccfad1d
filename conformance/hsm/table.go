package hsm

import "slices"

// probe tries one thing on a token, and says what it saw: a return value, or a few words.
type probe struct {
	name    string
	args    []kind // of the words that follow its name
	does    string
	answers []string // "…" is anything, "N" a number; a step before what it is about may fail too
	run     func(b *bench, args []string) string
	// own: it touches PINs or the token itself, so the token must be the bench's own.
	own bool
}

const returns = "CKR_…"

// flagged is an answer that lists attributes.
const flagged = "…=…"

// probes by subject. What a rule or a claim names is one of these, with its arguments behind:
// "wrap CKM_AES_CBC_PAD aes". `epsbench list probes` prints this table.
var probes []probe

// here and not above, since some probes use others
func init() {
	probes = []probe{
		{"library", nil, "C_GetInfo: version of Cryptoki, manufacturer, library and its version", []string{"cryptoki N.N, …, … N.N"}, library, false},
		{"slot", nil, "C_GetSlotInfo: description, manufacturer; the slot's number is written {slot}", []string{"…, …"}, slotInfo, false},
		{"token", nil, "C_GetTokenInfo: manufacturer, model", []string{"…, …"}, tokenInfo, false},
		{"pin-lengths", nil, "C_GetTokenInfo: how long a PIN may be", []string{"N to N"}, pinLengths, false},
		{"can", []kind{mechanism}, "C_GetMechanismInfo: what the mechanism can do, such as: encrypt, decrypt, wrap", infos("…"), canDo, false},
		{"sizes", []kind{mechanism}, "C_GetMechanismInfo: the sizes of its keys, in its own unit", infos("N to N"), sizes, false},
		{"absent", []kind{mechanisms}, "tells which of the mechanisms are there", []string{"absent", "there: …"}, absent, false},
		{"session-cancel", nil, "calls C_SessionCancel of v3.0 where no operation is under way", []string{returns}, sessionCancel, false},
		{"sessions", []kind{many}, "opens so many sessions besides its own", []string{returns}, manySessions, false},
		{"serial-flag", nil, "opens a session without CKF_SERIAL_SESSION", []string{returns}, serialFlag, false},
		{"random-again", nil, "draws 16 random bytes after each of two C_Initialize, and compares them", []string{"another", "the same", returns}, randomAgain, false},
		{"login-as", []kind{number}, "logs in as a user type of the vendor's, looks for objects, and makes a key", []string{returns, "C_Login CKR_OK, C_FindObjectsInit CKR_…, C_GenerateKey CKR_…"}, loginAs, true},
		{"new-pin", nil, "has the SO set the user's PIN, and the user log in, work and change it", []string{"C_Login CKR_OK, the next call CKR_…"}, newPIN, true},
		{"init-token", nil, "initialises the token anew while a session is open", []string{returns}, initToken, true},

		{"generate", []kind{settings}, "makes an AES key with these attributes", []string{returns}, generate, false},
		{"generated", nil, "makes an AES key from its length alone, and reads its attributes", []string{returns, flagged}, generated, false},
		{"unwrapped", nil, "unwraps an AES key from class and type alone, and reads its attributes", []string{returns, flagged}, unwrapped, false},
		{"unwrapped-length", nil, "reads the CKA_VALUE_LEN of an unwrapped AES key of 32 bytes", []string{"N", returns}, unwrappedLength, false},
		{"derived", nil, "derives a key from class, type and length alone, and reads its attributes", []string{returns, flagged}, derived, false},
		{"derive-readable", nil, "derives a key that may be read from a sensitive one, and reads it", []string{returns, "derived, and not read", "read"}, deriveReadable, false},
		{"create-secret", nil, "creates a sensitive AES key from a value", []string{returns}, createSecret, false},
		{"set", []kind{attribute}, "changes the attribute of an AES key that may be modified", []string{returns}, set, false},
		{"attribute-size", []kind{attribute}, "tells how many bytes the attribute of a wrapping key has", []string{"N", returns}, attributeSize, false},
		{"wrap", []kind{mechanism, oneOf("aes", "rsa")}, "wraps an AES key or an RSA private key by the mechanism", []string{returns}, wrap, false},
		{"unwrap-length", []kind{oneOf("with", "without")}, "unwraps an AES key with CKA_VALUE_LEN or without", []string{returns}, unwrapLength, false},
		{"unwrap-tampered", nil, "flips a bit of a blob that unwraps as it was, and unwraps it", []string{returns}, unwrapTampered, false},
		{"unwrap-twice", []kind{usage, usage}, "makes two keys of one blob, each with a usage of its own; tells of the second", []string{returns}, unwrapTwice, false},
		{"unwrap-template", nil, "unwraps an extractable key under one whose CKA_UNWRAP_TEMPLATE allows none", []string{returns, "unwrapped: …"}, unwrapTemplate, false},
		{"untrusted-wrap", nil, "wraps a key with CKA_WRAP_WITH_TRUSTED under one that is not trusted", []string{returns, "wrapped by CKM_…"}, untrustedWrap, false},
		{"decrypt-tampered", nil, "flips a bit of an AES-GCM text that opens as it was, and opens it", []string{returns}, decryptTampered, false},

		{"hmac", []kind{mechanism, many}, "signs with an HMAC key of so many bytes", []string{returns}, hmacKey, false},
		{"rsa", []kind{oneOf("encrypt", "sign"), mechanism}, "begins to encrypt or sign with RSA-2048", []string{returns}, rsaStart, false},
		{"oaep", []kind{numberOr("BITS", "sha1", "sha256", "label")}, "encrypts by RSA-OAEP: with this hash, with a label, or with a key of so many bits", []string{returns}, oaepStart, false},
		{"oaep-decrypt-label", nil, "decrypts by RSA-OAEP with a label what was encrypted without", []string{returns}, oaepDecryptLabel, false},
		{"gcm-iv", []kind{oneOf("given", "none")}, "encrypts twice by AES-GCM, with an IV of twelve bytes or with none", []string{returns, "an IV of N bytes of its own behind the tag", "the same twice"}, gcmIV, false},
		{"ecdsa-zero", []kind{oneOf("sign", "verify")}, "signs a digest of zeros by ECDSA on P-256, or verifies that", []string{returns}, ecdsaZero, false},

		{"read-sensitive", nil, "reads the value of a sensitive key", []string{returns, "read"}, readSensitive, false},
		{"read-private", nil, "reads the secret parts of an RSA private key", []string{returns, "read: CKA_…"}, readPrivate, false},
		{"read-unextractable", nil, "reads the value of a key that is not extractable", []string{returns, "read"}, readUnextractable, false},
		{"wrap-unextractable", nil, "wraps a key that is not extractable, by each mechanism that wraps others", []string{returns, "wrapped by CKM_…"}, wrapUnextractable, false},
		{"weaken", []kind{attribute}, "changes the attribute of a protected key so that it protects less", []string{returns, "changed: …"}, weaken, false},
		{"weaken-copy", []kind{attribute}, "copies a protected key with the attribute so that it protects less", []string{returns, "copied: …"}, weakenCopy, false},
		{"fixed", []kind{oneOf("set", "copy")}, "changes a key that is not modifiable, or copies one that is not copyable", []string{returns, "changed", "copied"}, fixed, false},
		{"check-value", nil, "makes a key with an empty CKA_CHECK_VALUE, and reads that", []string{"empty", "N bytes"}, checkValue, false},
		{"after-logout", nil, "signs with a private key after the logout of its user", []string{returns, "signed"}, afterLogout, false},
	}
}

// infos are the answers about a mechanism, and this one where it is there.
func infos(there string) []string {
	return []string{there, "absent", "listed, CKR_…", "not listed, with sizes"}
}

func find(name string) (probe, bool) {
	i := slices.IndexFunc(probes, func(p probe) bool { return p.name == name })
	if i < 0 {
		return probe{}, false
	}
	return probes[i], true
}

// Description is a probe as `epsbench list probes` shows it.
type Description struct {
	Usage   string   `json:"usage"`   // "wrap MECHANISM aes|rsa"
	Does    string   `json:"does"`    // in words
	Answers []string `json:"answers"` // what it may say; "…" is anything, "N" a number
	Own     bool     `json:"own"`     // only for tokens that the bench has made
}

// Probes describes all, by subject.
func Probes() []Description {
	var out []Description
	for _, p := range probes {
		out = append(out, Description{p.usage(), p.does, p.answers, p.own})
	}
	return out
}

func (p probe) usage() string {
	words := p.name
	for _, k := range p.args {
		words += " " + k.name
	}
	return words
}

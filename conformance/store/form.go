package store

import (
	"maps"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
)

// form is how a profile of the reference EPS keeps what is under DBK.
type form struct {
	dbk    stored
	uses   []uint                                                                   // of DBK
	unseal func(s session, dbk pkcs11.ObjectHandle, r record) ([]byte, error)       // C of a token's row
	swap   func(s session, u *user, dbk pkcs11.ObjectHandle, r record) (did string) // the layers in the other order
	code   func(s session, dbk pkcs11.ObjectHandle, sealed []byte) ([]byte, error)  // that is kept beside its index; nil: none is

	columns map[string]class // that are not as in expected
	kinds   []kind           // of keys, beside those of all forms

	// enrolling and provisioning are how often each kind of call occurs, life which keys
	// are made in the life of a token.
	enrolling, provisioning, life map[string]int
}

// forms by the profile that a target tells.
var forms = map[string]*form{"default": &bound, "st-2.6.1": &literal}

func (w *world) form() *form { return formOf(w.Target) }

// formOf is the form of a target; one that tells no profile is taken to be the default.
func formOf(t conformance.Target) *form {
	if f := forms[t.Identity().Profile]; f != nil {
		return f
	}
	return &bound
}

// bound: C under a key derived from DBK and from all that the row belongs to (RFC 3394).
// Enrolment brings KEK and C in, derives TOK and the row key, and wraps TOK under TRK and
// C under the row key. Provisioning unwraps S and derives K_t and K_c, derives the row
// key, unwraps C with it and wraps it under K_c.
var bound = form{
	dbk:    stored{"DBK", "MK-DBK", made(pkcs11.CKK_AES, false, pkcs11.CKA_DERIVE)},
	uses:   []uint{pkcs11.CKA_DERIVE},
	unseal: session.unwrapped, swap: session.unwrappedFirst,

	enrolling:    map[string]int{createsKey: 2, derivesKey: 2, wrapsKey: 2},
	provisioning: map[string]int{opensS: 1, derivesKey: 3, unwrapsKey: 1, wrapsKey: 1},
	life: map[string]int{
		"eps brought: key to derive from":       2, // KEK, S
		"eps brought: secret on its way":        2, // C, at enrolment and delivery
		"eps derived: secret on its way":        1, // TOK
		"eps derived: key for both ways":        2, // row key, at enrolment and delivery
		"eps derived: signing key":              1, // K_t
		"eps derived: wrapping key":             1, // K_c
		"authserver brought: secret on its way": 1, // TOK out of TRK, to be wrapped under ASK
		"authserver brought: signing key":       1, // TOK out of ASK
	},
}

// literal is seed 000 §6.2 to the letter: C and the registration code encrypted by DBK
// (AES-CBC, the IV in front), the keystore in the database, its password encrypted by DBK.
// C comes in as a value when it is delivered.
var literal = form{
	dbk:    stored{"DBK-ST", "MK-DBK-ST", made(pkcs11.CKK_AES, false, pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT)},
	uses:   []uint{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT},
	unseal: session.decryptedRow, swap: session.decryptedFirst, code: session.decryptedCode,

	columns: map[string]class{
		"eps.wrapped_keys.name":   one(`DBK-ST|TRK/[a-z0-9.-]{1,64}`),
		"eps.wrapped_keys.master": one(`MK-DBK-ST|MK-TRK`),
		"eps.tokens.format":       one(`st-2\.6\.1`),
		"eps.tokens.sealed":       ciphertext(48, 80),
		"eps.codes.sealed":        ciphertext(32, 48),

		"eps.keystores.name":        one(`MPP/1`),
		"eps.keystores.version":     count,
		"eps.keystores.pkcs12":      keystoreFile,
		"eps.keystores.password":    ciphertext(48),
		"eps.keystores.dbk_version": count,
		"eps.keystores.created":     instant,
	},
	kinds: []kind{{"DBK that encrypts", pkcs11.CKK_AES, false, []uint{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT}}},

	enrolling: map[string]int{createsKey: 1, derivesKey: 1, wrapsKey: 1,
		"C_EncryptInit CKM_AES_CBC": 1, "C_EncryptInit CKM_AES_CBC_PAD": 1, "C_Encrypt": 2},
	provisioning: map[string]int{opensS: 1, derivesKey: 2, "C_DecryptInit CKM_AES_CBC": 1, "C_Decrypt": 1, createsKey: 1, wrapsKey: 1},
	life: but(bound.life, map[string]int{
		"eps derived: key for both ways": 0,
	}),
}

// but is counts with some changed.
func but(counts, changes map[string]int) map[string]int {
	out := maps.Clone(counts)
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_ string, n int) bool { return n == 0 })
	return out
}

// masters are the labels of the keys under which others rest, by token.
func (f *form) masters(which string) []string {
	if which == "authserver" {
		return []string{"ASK"}
	}
	return []string{f.dbk.master, trk.master}
}

// expected is what every column is due to hold.
func (f *form) expected() map[string]class {
	all := maps.Clone(expected)
	maps.Copy(all, f.columns)
	return all
}

func (f *form) allKinds() []kind { return slices.Concat(kinds, f.kinds) }

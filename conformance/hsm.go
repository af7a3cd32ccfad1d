package conformance

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// EmulatedHSM is the kind of an HSM, in an Identity, that is the emulator in the bench's own process.
const EmulatedHSM = "emulator"

// HSMTracer gives the PKCS#11 calls of the target's HSM since the mark.
type HSMTracer interface {
	Mark() int
	Calls(since int) []HSMCall
}

// HSMCall is one call as a trace keeps it: names and lengths, never values.
type HSMCall struct {
	Slot      string // "eps" or "authserver"
	Function  string // "C_UnwrapKey"
	Mechanism string // "CKM_AES_KEY_WRAP"
	Session   uint
	Objects   []uint // handles given: the key; wrapping key, then wrapped key
	Made      []uint // handles returned
	Template  []HSMAttribute
	In, Out   []int // lengths of byte arguments and results
	Return    string
}

// HSMAttribute is an attribute of a template: small public values (booleans, classes, types, lengths) in clear, others by length.
type HSMAttribute struct {
	Name  string
	Value string
	Len   int
}

// HSMKeys tells the clear value of every key that the target's servers have had their HSMs
// make or take, since these were initialised. No HSM does: it is one that stands in for it.
type HSMKeys interface {
	// Keys are those so far, each value once for each way that it came and each name; the
	// values are copies, which the caller clears. Where there were more than the target
	// keeps it is an error.
	Keys() ([]HSMKey, error)
}

// HSMKey is a key with its clear value, which it does not show.
type HSMKey struct {
	Slot  string // "eps" or "authserver"
	From  string // the call that the value came by: "C_UnwrapKey"
	Label string // of a permanent key; empty: it lives no longer than its session
	value []byte
}

// NewHSMKey takes over the value.
func NewHSMKey(slot, from, label string, value []byte) HSMKey {
	return HSMKey{slot, from, label, value}
}

// Value is the clear value: of a private RSA key its exponent.
func (k HSMKey) Value() []byte { return k.value }

// Clear overwrites the value.
func (k HSMKey) Clear() { clear(k.value) }

// String shows everything but the value.
func (k HSMKey) String() string {
	if k.Label != "" {
		return k.Label + " of " + k.Slot
	}
	return "a key of " + k.Slot + " by " + k.From
}

// Format keeps every verb from the value.
func (k HSMKey) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.String()) }

// HSMObjects opens a session of its own on the target's tokens: "eps" and "authserver".
type HSMObjects interface {
	HSM(ctx context.Context, which string) (Slot, error)
}

// Slot is a place on a module that is initialised already; PIN logs its user in, SOPIN its
// security officer, where that is known.
type Slot struct {
	Module     cryptoki.Module
	ID         uint
	PIN, SOPIN string
}

// ModuleHolder lends a PKCS#11 module with a token that the suite may use: the target
// of kind module, or the HSM of an EPS.
type ModuleHolder interface {
	Slot(ctx context.Context) (Slot, error)
}

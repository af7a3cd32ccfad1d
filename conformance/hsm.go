package conformance

import (
	"context"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

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

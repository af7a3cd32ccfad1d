package wire

import (
	"fmt"
	"unicode/utf8"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/oath"
)

// MaxIterations bounds what an EPS, or who pretends to be one, can make a phone compute.
const MaxIterations = 100_000_000

// rules of a grant: what must hold, and its name where it does not.
var rules = []struct {
	field string
	holds func(Grant) bool
}{
	{"eps", func(g Grant) bool { return validName(g.EPS) }},
	{"service", func(g Grant) bool { return g.Service.Check() == nil }},
	{"token", func(g Grant) bool { return g.Token.Check() == nil }},
	{"direction", func(g Grant) bool { return g.Direction == reference.Encrypt || g.Direction == reference.Decrypt }},
	{"tok-length", func(g Grant) bool { return g.TOKLength == 20 || g.TOKLength == 32 || g.TOKLength == 64 }},
	{"c-length", func(g Grant) bool { return g.CLength == (g.TOKLength+15)/16*16 }},
	{"w", func(g Grant) bool { return len(g.W) == g.CLength+8 }},
	{"salt", func(g Grant) bool { return len(g.Salt) == SaltSize }},
	{"kdf", func(g Grant) bool { return g.KDF != "" && len(g.KDF) <= maxText }},
	{"iterations", func(g Grant) bool { return g.Iterations >= 1 && g.Iterations <= MaxIterations }},
	{"suite", func(g Grant) bool { _, err := oath.ParseSuite(g.Suite); return err == nil && len(g.Suite) <= maxText }},
	{"ticket", func(g Grant) bool { return len(g.Ticket) == 0 || len(g.Ticket) == ticketSize }},
	{"pin-digits", func(g Grant) bool {
		return g.PINDigits >= reference.MinPINDigits && g.PINDigits <= reference.MaxPINDigits
	}},
}

// Check says what is wrong with a grant, if anything is.
func (g Grant) Check() error {
	for _, r := range rules {
		if !r.holds(g) {
			return fmt.Errorf("%w: grant: %s", ErrFormat, r.field)
		}
	}
	return nil
}

// validName holds for 1 to 64 characters of UTF-8.
func validName(s string) bool {
	return utf8.ValidString(s) && s != "" && utf8.RuneCountInString(s) <= maxEPSName
}

package mutants

import (
	"slices"

	"github.com/epsbench/epsbench/reference/enroll"
)

// pin are the mutants of the claims that family pin judges: of the layer and its PINs
// (pin_layer.go, pin_told.go), of lock, counters and windows (pin_policy.go), and of the
// server's answers (pin_answer.go), and of what statistics show (pin_statistics.go).
var pin = slices.Concat(pinLayer, pinTold, pinPolicy, pinAnswer, pinStatistics)

// pinLayer are the mutants of what lies between TOK and the PIN.
var pinLayer = []Mutant{
	{
		Name:   "TOK without the PIN layer",
		About:  "The derivation in the HSM is left out: C itself is the token's secret.",
		Claims: []string{"ST-6.1-a", "ST-6.1-c", "RGS-RègleDéverrouillage"},
		Reason: "C used as the key gives an OTP that is accepted",
		Break:  onDerivations(func(m *derivations) { m.derive = m.takeC }),
	},
	{
		Name:   "TOK of hexadecimal text",
		About:  "TOK is 32 hexadecimal digits instead of random bytes.",
		Claims: []string{"ST-6.1-c", "ST-6.1-d"},
		Reason: "printable text",
		Break:  onDerivations(func(m *derivations) { m.derive = m.formed(asText) }),
	},
	{
		Name:   "TOK with a padding",
		About:  "TOK is 31 random bytes and a byte of PKCS#7 padding.",
		Claims: []string{"ST-6.1-c", "ST-6.1-d"},
		Reason: "PKCS#7 padding",
		Break:  onDerivations(func(m *derivations) { m.derive = m.formed(withPadding) }),
	},
	{
		Name:   "PIN cleared before its KEK is derived",
		About:  "The EPS derives each KEK from an empty PIN.",
		Claims: []string{"RGS-RègleDéverrouillage"},
		Reason: "an empty PIN gives an OTP that is accepted",
		Break:  withKDF(func(_, salt []byte, iterations int) ([]byte, error) { return enroll.PBKDF2(nil, salt, iterations) }),
	},
	{
		Name:   "KEK of the PIN's first four digits",
		About:  "The EPS cuts a PIN to four digits before it derives the KEK.",
		Claims: []string{"ST-KEY-KEK"},
		Reason: "the KEK that was recomputed from the PIN is refused",
		Break: withKDF(func(pin, salt []byte, iterations int) ([]byte, error) {
			return enroll.PBKDF2(pin[:4], salt, iterations)
		}),
	},
	{
		Name:   "KEK of one iteration fewer",
		About:  "The EPS derives with one iteration fewer than it declares and tells the phone.",
		Claims: []string{"ST-KEY-KEK"},
		Reason: "the KEK that was recomputed from the PIN is refused",
		Break:  withKDF(func(pin, salt []byte, iterations int) ([]byte, error) { return enroll.PBKDF2(pin, salt, iterations-1) }),
	},
}

func withKDF(kdf enroll.KDF) func(*Seams) {
	return func(s *Seams) { s.Enroll = func(p *enroll.Parts) { p.KDF = kdf } }
}

package conformance

import (
	"context"
	"net/http"
)

// Validator asks the authentication server about an OTP.
type Validator interface {
	Validate(ctx context.Context, service, user, otp string) (Validation, error)
}

// Validation is the answer to one OTP. Header and Raw, the whole body, are for the
// indistinguishability claims.
type Validation struct {
	Accepted bool
	Status   int
	Header   http.Header
	Raw      []byte
}

// Resynchroniser hands in OTPs in a row for a token that is too far ahead (RFC 4226 §7.4).
type Resynchroniser interface {
	Resynchronise(ctx context.Context, service, user string, otps ...string) (Validation, error)
}

// Unlocker plays the operators who clear a token's counts of failures, under dual control.
// Operators are 0 and 1. A call that the target turns down gives a *Refused.
type Unlocker interface {
	RequestUnlock(ctx context.Context, operator int, token string) (unlock string, err error)
	ConfirmUnlock(ctx context.Context, operator int, unlock string) error
}

// SeedImporter puts a known seed into the authentication server, as a test would. A seed
// that the target turns down gives a *Refused.
type SeedImporter interface {
	ImportSeed(ctx context.Context, s Seed) (token string, err error)
}

// Seed is an OATH secret with its suite ("HOTP-SHA1-6", "TOTP-SHA256-8-30", "OCRA-1:…") and
// first counter. OCRA suites with a PIN have its hash, and the number of its digits.
type Seed struct {
	Service, User, Suite string
	Secret               []byte
	Counter              uint64
	PINHash              []byte
	PINDigits            int
}

// PluginTap sees what the EPS sends to the authentication server.
type PluginTap interface {
	PluginMessages() [][]byte
}

// PluginImpostor puts somebody else in the authentication server's place, behind its TLS, for
// what the EPS asks it. nil puts it back.
type PluginImpostor interface {
	Impersonate(Forger)
}

// Forger gives the answer to a message. genuine asks the authentication server what it would
// say, which then has taken the message.
type Forger func(message []byte, genuine func() []byte) []byte

package conformance

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net/http"
	"time"
)

// Enroller plays the bank.
type Enroller interface {
	Enrol(ctx context.Context, e EnrolRequest) (Enrolled, error)
	Status(ctx context.Context, token string) (state string, err error)
	Change(ctx context.Context, token, operation string) error // "revoke", "suspend", "resume"
	Reissue(ctx context.Context, token string) (registrationCode string, err error)
	// Declared is what the target says of itself.
	Declared() Declared
}

// Refused is a call that the target answered with an HTTP error.
type Refused struct {
	Status int
	Title  string // of the problem document
}

// Error tells status and title.
func (r *Refused) Error() string { return fmt.Sprintf("HTTP %d %s", r.Status, r.Title) }

// EnrolRequest asks for a token; zero fields leave the choice to the target.
type EnrolRequest struct {
	Service, User string
	Suite         string
	PINDigits     int
	Validity      time.Duration
	MPP           int // version of the provisioning protocol that the code is for
}

// Enrolled is what the bank gets, once. RegistrationCode is "LOCATOR-DIGITS", or "DIGITS"
// for MPP v1.
type Enrolled struct {
	Token, PIN, RegistrationCode string
	Expires                      time.Time
}

// Declared are the limits that a target states (TARGET.md, declared).
type Declared struct {
	PINDigits      int
	CodeDigits     int
	CodeTries      int
	CodeValidity   time.Duration
	Suite          string
	LockAfter      int // consecutive failures
	LookAhead      int // HOTP
	Window         int // TOTP, steps to either side
	Resynchronise  int // HOTP, counters past the expected one at which a resynchronisation may begin
	Offset         int // TOTP, steps that the window may move as the phone's clock goes wrong
	KDFIterations  int
	Services       []string      // at least two
	RefusalQuantum time.Duration // refusals of provisioning leave on this grid
	OTPQuantum     time.Duration // refusals of OTPs leave on this grid; 0: on none

	MPP []int // versions of the provisioning protocol; none is version 2 alone
	V1  GuessingLimits

	Activation ActivationLimits
}

// GuessingLimits are what bounds guesses at codes without a locator, those of MPP v1:
// failures from all addresses together, and how long a code lives.
type GuessingLimits struct {
	Rate     float64 // a second
	Burst    int     // at once
	Validity time.Duration
}

// Provisioner carries bytes between a phone and the EPS; it understands none of them.
type Provisioner interface {
	// Provision posts body as a phone at the address from would (a loopback address, or empty).
	Provision(ctx context.Context, from string, body []byte) (Answer, error)
	Pinned() Pinned
}

// LiteralProvisioner does the same for MPP v1; a target that declares it is one.
type LiteralProvisioner interface {
	ProvisionV1(ctx context.Context, from string, body []byte) (Answer, error)
}

// Answer is an HTTP answer as it came.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration
}

// Pinned is what the mobile application carries for its EPS.
type Pinned struct {
	EPS           string // name
	KeyID         []byte // 16 bytes
	Key           *rsa.PublicKey
	Suite         int // of PROTOCOL.md
	MinIterations int
	V1            *PinnedKey // of MPP v1; nil where it is not spoken
}

// PinnedKey is the key of one version of the protocol.
type PinnedKey struct {
	KeyID []byte // 16 bytes
	Key   *rsa.PublicKey
}

package conformance

import (
	"context"
	"time"
)

// Activations gives a target with activation beside one without: tokens are proven by a
// first OTP there before any other counts.
type Activations interface {
	// Activating starts a second server of each kind on the target's keys and databases, whose
	// EPS asks for activation. What it gives is an Activator, and ends with the target.
	Activating(ctx context.Context) (Target, error)
}

// Activator carries bytes between a phone and the EPS that is to activate its token; it
// understands none of them.
type Activator interface {
	// Activate posts body as a phone at the address from would (a loopback address, or empty).
	Activate(ctx context.Context, from string, body []byte) (Answer, error)
}

// ActivationLimits are what bounds activation; the zero value is that of a target that does
// not ask for it.
type ActivationLimits struct {
	Tries    int           // that a ticket bears
	Validity time.Duration // of a ticket
}

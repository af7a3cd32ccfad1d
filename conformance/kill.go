package conformance

import (
	"context"
	"errors"
	"fmt"
)

// Killer can run its servers as processes of their own.
type Killer interface {
	// Divide stops the servers and starts each again in a process of its own, on the same
	// HSM and store. From then on the target is used through what Divide gives, and
	// ends with it.
	Divide(ctx context.Context) (Divided, error)
}

// Divided is a target whose servers are processes that can be killed, one at a time, at
// named points.
type Divided interface {
	Enroller
	Provisioner
	Validator
	Auditor
	// Points are the places where a server can be killed.
	Points() []FaultPoint
	// Arm has a server kill itself, with SIGKILL, when it next comes to p.
	Arm(ctx context.Context, p FaultPoint) error
	// Dead waits for the server that was armed to be gone. ErrNotReached says that it has
	// not come to its point; it is no longer armed then.
	Dead(ctx context.Context) error
	// Revive starts the server that is gone again, on what it has left. If p is not nil, the
	// server is armed from its start, and may be gone again when Revive returns.
	Revive(ctx context.Context, p *FaultPoint) error
	// Settle has the messages sent that wait for the authentication server.
	Settle(ctx context.Context) error
	// Books gives the tokens as the databases have them.
	Books(ctx context.Context) ([]Entry, error)
}

// DividedActivator is a divided target that can ask for activation.
type DividedActivator interface {
	Activator
	// SetActivation starts the EPS again with activation, or without. Divide gives one without.
	SetActivation(ctx context.Context, on bool) error
}

// FaultPoint is a place where a server can be killed.
type FaultPoint struct {
	Operation Operation // during which it is reached
	Server    string    // "eps" or "authserver"
	Name      string
	First     string // the point of the EPS where a first kill leaves what is going on here to be done
}

// String names server and place.
func (p FaultPoint) String() string { return fmt.Sprintf("%s: %s", p.Server, p.Name) }

// Operation is what is going on when a server is killed.
type Operation string

const (
	DuringEnrolment    Operation = "enrolment"
	DuringCancellation Operation = "cancellation" // of an enrolment that a first kill has cut off
	DuringProvisioning Operation = "provisioning"
	DuringWrongCode    Operation = "wrong code" // a phone's
	DuringValidation   Operation = "validation"
	DuringWrongOTP     Operation = "wrong OTP"
	DuringRevocation   Operation = "revocation"
	DuringActivation   Operation = "activation"
)

// ErrNotReached is a point to which the server did not come.
var ErrNotReached = errors.New("the fault point was not reached")

// Entry is one token in both databases. A state is empty where that side has no row.
type Entry struct {
	Token, Service, User string
	EPS                  string // state there
	AuthServer           string // state there
	Waiting              int    // messages about it in the EPS's outbox
}

// Package hsm is what the EPS and the authentication server need of a hardware
// security module: operations on keys, never mechanisms.
//
// Start at Open, then HSM.Do and the methods of Session. Which way a token does an
// operation is probed with known answers when it is opened: see operations in
// strategy.go. Every key that is ever made has a row in kinds (usage.go).
package hsm

import (
	"context"
	"errors"
	"io"

	"github.com/epsbench/epsbench/reference"
)

var errSkeleton = errors.New("not there")

// Role says whose HSM it is, and so which operations it must be able to do.
type Role uint8

const (
	Both       Role = iota // every operation
	EPS                    // enrolment and provisioning
	AuthServer             // validation
)

// Config says which token, and how to log in.
type Config struct {
	Label    string // token label; "" with a nil Slot: the only initialised token
	Slot     *uint
	PIN      reference.Secret
	Sessions int // worker sessions; 0: 2 for each CPU
	Role     Role
}

// Info identifies the token and its library.
type Info struct{ Library, Manufacturer, Model, Serial, Firmware, Label string }

// Choice is how the token does one operation.
type Choice struct{ Operation, Strategy, Why string }

// Stats counts what the session pool did since Open.
type Stats struct {
	Sessions, InUse               int
	Requests, Retries, Recoveries uint64
}

// HSM is an opened token. Its methods may be called from many goroutines.
type HSM struct{}

// Key is a handle of a key in the token. It is comparable; the zero Key is none.
type Key struct{ handle uint }

// Resident is a long-lived key, found or loaded again when the token lost it.
type Resident struct{}

// Session is borrowed for the time of one HSM.Do; one goroutine uses it.
type Session struct{}

func Load(path string) (PKCS11, error)                               { return nil, errSkeleton }
func Open(ctx context.Context, m PKCS11, cfg Config) (*HSM, error)   { return nil, errSkeleton }
func (h *HSM) Close() error                                          { return errSkeleton }
func (h *HSM) Info() Info                                            { return Info{} }
func (h *HSM) Choices() []Choice                                     { return nil }
func (h *HSM) Stats() Stats                                          { return Stats{} }
func (h *HSM) Healthy(ctx context.Context) error                     { return errSkeleton }
func (h *HSM) Do(ctx context.Context, fn func(*Session) error) error { return errSkeleton }
func (h *HSM) Random() io.Reader                                     { return nil }

// Direction is the inner layer's direction on this token; Suites the OAEP suites, best first.
func (h *HSM) Direction() reference.Direction { return reference.Encrypt }
func (h *HSM) Suites() []Suite                { return nil }

// Resident registers a key that lives in the owner session. load uses only the session it is given.
func (h *HSM) Resident(name string, load func(*Session) (Key, error)) *Resident { return nil }

// Key is called inside HSM.Do, each time fn runs: after a loss the handle is another one.
func (r *Resident) Key(ctx context.Context) (Key, error) { return Key{}, errSkeleton }

// MissingError: the token cannot do what the EPS needs. Its text is a table.
type MissingError struct{ Rows []Missing }
type Missing struct{ Operation, Needs, Why string }

func (e *MissingError) Error() string { return "" }

// ErrMAC: a MAC does not match.
var ErrMAC = errors.New("MAC does not match")

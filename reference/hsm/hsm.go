// Package hsm is what the EPS and the authentication server need of a hardware
// security module: operations on keys, never mechanisms.
//
// Start at Open, then HSM.Do and the methods of Session. How a token does an operation
// is probed with known answers when it is opened: see operations in strategy.go. Every
// secret key that is ever made has a row in kinds (usage.go).
//
// Session keys are sensitive but, where the token allows it, not CKA_PRIVATE: such
// objects belong to this process alone in either case, and tokens that keep private
// ones encrypted make two goroutines slower than one. Permanent keys are private.
package hsm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// Role says whose HSM it is, and so which operations the token must be able to do.
type Role uint8

const (
	Both       Role = iota // every operation
	EPS                    // enrolment and provisioning
	AuthServer             // validation
	LiteralEPS             // an EPS of the profile st-2.6.1: what EPS needs, and AES-CBC
)

// Config says which token, and how to log in.
type Config struct {
	Label    string // token label; "" with a nil Slot: the only initialised token
	Slot     *uint
	PIN      reference.Secret // still the caller's, and needed until Close
	Sessions int              // worker sessions; 0: two for each CPU
	Patience time.Duration    // for a call to the token; 0: DefaultPatience
	Role     Role
}

// Info identifies the token and its library.
type Info struct{ Library, Manufacturer, Model, Serial, Firmware, Label string }

// Choice is how the token does one operation.
type Choice struct{ Operation, Strategy, Why string }

// HSM is an opened token. Its methods may be called from many goroutines.
type HSM struct {
	m       *bounded
	cfg     Config
	info    Info
	choices []Choice
	traits  *traits

	slot       atomic.Uint64
	mu         sync.Mutex    // guards login, owner and refusal
	owner      *Session      // holds the login and the resident keys
	locked     error         // a PIN refused once is not tried again
	refusal    error         // of the last login, and
	refusedAt  time.Time     // when it came
	generation atomic.Uint64 // grows with every login: older sessions and handles are stale

	idle      chan *Session // worker sessions at rest
	closed    chan struct{}
	random    *random
	decoy     *Resident
	transport *transport
	counts    counts
}

// Open logs in to a token and finds out how it does what the role needs. It fails with
// a *MissingError when something cannot be done, and with a *reference.Hint when the
// token is not found or does not let us in.
func Open(ctx context.Context, m PKCS11, cfg Config) (*HSM, error) {
	if cfg.Sessions <= 0 {
		cfg.Sessions = 2 * runtime.GOMAXPROCS(0)
	}
	if cfg.Patience <= 0 {
		cfg.Patience = DefaultPatience
	}
	h := &HSM{m: newBounded(m, cfg.Patience), cfg: cfg, traits: &traits{}, idle: make(chan *Session, cfg.Sessions), closed: make(chan struct{})}
	h.owner = h.newSession()
	if err := h.connect(); err != nil {
		h.m.workers.end()
		return nil, err
	}
	h.random = &random{session: h.newSession()}
	h.transport = newTransport(h)
	h.decoy = h.Resident("decoy S", func(s *Session) (Key, error) { return s.generate(requestS, "") })
	if err := h.prepare(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *HSM) newSession() *Session { return &Session{h: h, m: h.m, t: h.traits} }

// prepare probes the token and fills the pool.
func (h *HSM) prepare(ctx context.Context) error {
	if err := h.identify(); err != nil {
		return err
	}
	if err := h.random.session.ensure(); err != nil {
		return err
	}
	if err := h.fillPool(); err != nil {
		return err
	}
	return h.Do(ctx, h.choose)
}

// fillPool opens the worker sessions, fewer where the token has no more.
func (h *HSM) fillPool() error {
	for range h.cfg.Sessions {
		s := h.newSession()
		err := s.ensure()
		if is(err, pkcs11.CKR_SESSION_COUNT) && len(h.idle) > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		h.idle <- s
		h.counts.sessions.Add(1)
	}
	return nil
}

// identify reads what Info tells.
func (h *HSM) identify() error {
	library, err := h.m.GetInfo()
	if err != nil {
		return fmt.Errorf("C_GetInfo: %w", err)
	}
	token, err := h.m.GetTokenInfo(uint(h.slot.Load()))
	if err != nil {
		return fmt.Errorf("C_GetTokenInfo: %w", err)
	}
	h.info = Info{
		Library:      fmt.Sprintf("%s %d.%d", trim(library.LibraryDescription), library.LibraryVersion.Major, library.LibraryVersion.Minor),
		Manufacturer: trim(token.ManufacturerID),
		Model:        trim(token.Model),
		Serial:       trim(token.SerialNumber),
		Firmware:     fmt.Sprintf("%d.%d", token.FirmwareVersion.Major, token.FirmwareVersion.Minor),
		Label:        trim(token.Label),
	}
	return nil
}

// Info names the token.
func (h *HSM) Info() Info { return h.info }

// Choices says how each operation is done on this token, in the order of probing.
func (h *HSM) Choices() []Choice { return slices.Clone(h.choices) }

// Does says whether the token has a way to do an operation.
func (h *HSM) Does(operation string) bool {
	return slices.ContainsFunc(h.choices, func(c Choice) bool { return c.Operation == operation })
}

// Direction is the direction of the inner layer on this token.
func (h *HSM) Direction() reference.Direction { return h.traits.token.direction }

// Suites are the OAEP suites that the token has, best first.
func (h *HSM) Suites() []Suite { return slices.Clone(h.traits.suites) }

// Close ends the sessions, and with them the session keys; it waits for no Do. The
// library stays initialised, for others may use it.
func (h *HSM) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
		return nil
	default:
	}
	close(h.closed)
	for range len(h.idle) {
		(<-h.idle).close()
	}
	h.random.session.close()
	h.owner.close()
	h.transport.clear()
	h.m.workers.end()
	return nil
}

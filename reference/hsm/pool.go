package hsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// Stats counts what the session pool did since Open.
type Stats struct {
	Sessions   int    // worker sessions of the pool
	InUse      int    // of them, those in a Do
	Requests   uint64 // calls of Do
	Retries    uint64 // that ran a second time after a loss
	Recoveries uint64 // times that the login was made anew
}

type counts struct {
	sessions                      atomic.Int64
	requests, retries, recoveries atomic.Uint64
}

// Stats is for metrics.
func (h *HSM) Stats() Stats {
	n := int(h.counts.sessions.Load())
	return Stats{
		Sessions: n, InUse: n - len(h.idle),
		Requests: h.counts.requests.Load(), Retries: h.counts.retries.Load(), Recoveries: h.counts.recoveries.Load(),
	}
}

// sessionErrors say that a session, the login or the token behind it has gone.
var sessionErrors = []pkcs11.Error{
	pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED,
	pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
	pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_TOKEN_NOT_PRESENT,
	pkcs11.CKR_OPERATION_ACTIVE, // another's failed call left the session unusable
	// A logout between the two calls of an operation ends it.
	pkcs11.CKR_OPERATION_NOT_INITIALIZED,
}

// handleErrors say that a key has gone: after a logout and login that others made, the
// session is well and its handles are not.
var handleErrors = []pkcs11.Error{
	pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID,
	pkcs11.CKR_WRAPPING_KEY_HANDLE_INVALID, pkcs11.CKR_UNWRAPPING_KEY_HANDLE_INVALID,
}

// busyErrors say that the token is there and cannot do it now, whatever it is asked.
// CKR_GENERAL_ERROR is none: some tokens say so of a blob that does not open.
var busyErrors = []pkcs11.Error{
	pkcs11.CKR_HOST_MEMORY, pkcs11.CKR_DEVICE_MEMORY, pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_FUNCTION_CANCELED,
	pkcs11.CKR_SESSION_COUNT, pkcs11.CKR_USER_ALREADY_LOGGED_IN, pkcs11.CKR_TOKEN_NOT_RECOGNIZED,
}

// ofVendor tells whether the code is one of a vendor's own (CKR_VENDOR_DEFINED). What it
// means is not known here: it may be that the login has ended.
func ofVendor(err error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && code >= pkcs11.CKR_VENDOR_DEFINED
}

func oneOf(err error, codes []pkcs11.Error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && slices.Contains(codes, code)
}

// lost tells a loss, after which the same work may succeed, from a refusal.
func lost(err error) bool {
	return oneOf(err, sessionErrors) || oneOf(err, handleErrors) || ofVendor(err)
}

// unavailable marks what may be asked again later.
func unavailable(err error) error {
	if lost(err) || oneOf(err, busyErrors) {
		return fmt.Errorf("%w: %w", reference.ErrUnavailable, err)
	}
	return err
}

// Do lends fn a session. When the session, the login or a handle was lost, it mends what
// it can and runs fn again: fn must be repeatable, and ask each Resident for its key
// inside. Keys that fn leaves are destroyed. A loss that lasts gives
// reference.ErrUnavailable; a ctx that ends while all sessions are lent, its error.
func (h *HSM) Do(ctx context.Context, fn func(*Session) error) error {
	s, err := h.borrow(ctx)
	if err != nil {
		return err
	}
	defer h.giveBack(s)
	h.counts.requests.Add(1)
	err = s.run(fn)
	if oneOf(err, handleErrors) {
		// Perhaps a Resident was forgotten between asking and using: asking again will do.
		h.counts.retries.Add(1)
		err = s.run(fn)
	}
	if !lost(err) {
		return unavailable(err)
	}
	h.counts.retries.Add(1)
	if err := h.recover(s.generation, err); err != nil {
		return err
	}
	return unavailable(s.run(fn))
}

func (h *HSM) borrow(ctx context.Context) (*Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s := <-h.idle:
		return s, nil
	case <-h.closed:
		return nil, fmt.Errorf("%w: the HSM is closed", reference.ErrUnavailable)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *HSM) giveBack(s *Session) {
	select {
	case <-h.closed:
		s.close()
	default:
		h.idle <- s
	}
}

// run calls fn on an open session and destroys what it leaves. After a loss the
// session is closed, and its objects end with it.
func (s *Session) run(fn func(*Session) error) (err error) {
	if err := s.ensure(); err != nil {
		return err
	}
	defer func() {
		if lost(err) || errors.Is(err, ErrSilent) || s.cleanUp() != nil {
			s.close()
		}
	}()
	return fn(s)
}

// cleanUp destroys the keys that were made and not destroyed.
func (s *Session) cleanUp() error {
	for _, o := range slices.Backward(slices.Clone(s.made)) {
		if err := s.Destroy(Key{o}); err != nil {
			return err
		}
	}
	return nil
}

// ensure opens the session if it is closed or of an earlier login.
func (s *Session) ensure() error {
	generation := s.h.generation.Load()
	if s.open && s.generation == generation {
		return nil
	}
	s.close()
	s.generation = generation
	return s.begin()
}

// begin opens a closed session.
func (s *Session) begin() error {
	handle, err := s.m.OpenSession(uint(s.h.slot.Load()), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fmt.Errorf("open a session: %w", err)
	}
	s.handle, s.open = handle, true
	return nil
}

// close ends the session. Its error is of no use: a session that cannot be closed has
// gone already.
func (s *Session) close() {
	if s.open {
		_ = s.m.CloseSession(s.handle)
	}
	s.open, s.made = false, nil
}

// recover brings the login back after the loss cause, seen under that generation. Of
// many that lose it at once, one does the work.
func (h *HSM) recover(generation uint64, cause error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.recoverLocked(generation, cause)
}

func (h *HSM) recoverLocked(generation uint64, cause error) error {
	if h.generation.Load() != generation {
		return nil
	}
	if !oneOf(cause, handleErrors) && h.owner.open && h.owner.loggedIn() == nil {
		return nil // only a worker session was lost
	}
	h.counts.recoveries.Add(1)
	if err := h.connect(); err != nil {
		// That the token is not there is no answer to what the caller looks for in it, so
		// nothing of the error is handed on but its text.
		return fmt.Errorf("%w: %v", reference.ErrUnavailable, err)
	}
	return nil
}

// Healthy asks the token for something, and mends what can be mended.
func (h *HSM) Healthy(ctx context.Context) error {
	return h.Do(ctx, func(s *Session) error {
		if err := s.loggedIn(); err != nil {
			return err
		}
		_, err := s.m.GenerateRandom(s.handle, keyBytes)
		return err
	})
}

// Package mpp is the provisioning half of the security target (seed 000 §6.3): it
// turns a registration code into a token on a phone, once.
//
// Start at Server.Provision. The bytes are specified in PROTOCOL.md (v2, package wire) and
// PROTOCOL-1.md (v1, package wire1); sealed.go and literal.go are what the two do
// differently. Whatever is wrong with a request, it goes on to the end with a decoy in
// place of what it lacks, and leaves as the one refusal.
package mpp

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/row"
	"github.com/epsbench/epsbench/reference/store"
)

// HSM lends sessions of the EPS's token; *hsm.HSM is one.
type HSM interface {
	Do(ctx context.Context, fn func(*hsm.Session) error) error
	Suites() []hsm.Suite
	Does(operation string) bool
}

// Keyring finds the keys that provisioning uses; *keys.Ring is one.
type Keyring interface {
	row.Keyring
	IDX(ctx context.Context) (hsm.Key, error)
	Audit(ctx context.Context) (hsm.Key, error)
	// Each version of MPP has a pair of its own; MPPPublic is nil where there is none.
	MPPPrivate(ctx context.Context, version int) (hsm.Key, error)
	MPPPublic(version int) *rsa.PublicKey
	KeyID(version int) []byte
	Ticket(ctx context.Context) (hsm.Key, error)
}

// Rejecter is told of requests that are refused before their sender has shown to know
// the EPS's key. They are counted, not recorded one by one: anyone can send them.
// *audit.Aggregator is one.
type Rejecter interface{ Count(source string) }

// Config are the limits of provisioning. Zero fields take the defaults.
type Config struct {
	EPS       string        // name of the EPS, 1 to 64 bytes; phones pin it
	Versions  []int         // of the protocol: 2
	CodeTries int           // failures that kill a code: 5
	Rate      rate.Limit    // failures a second and source address without delay: 10
	Burst     int           // failures a source may have at once: 50
	Running   int           // requests in the HSM at once: 4 a CPU
	Waiting   int           // requests let in at once, with those that wait: 1024
	PerSource int           // of one address: 256
	Patience  time.Duration // for HSM and store, once it is the request's turn: 10 s

	// Of version 1, from all addresses together: failures a second without delay, 1, and how
	// many at once, 64.
	TotalRate  rate.Limit
	TotalBurst int

	TicketValidity time.Duration // of an activation ticket, from the delivery on: 24 h
}

func (c *Config) complete() error {
	if c.EPS == "" || len(c.EPS) > 64 {
		return fmt.Errorf("provisioning: the EPS needs a name of 1 to 64 bytes: %w", reference.ErrInvalid)
	}
	for _, f := range []struct {
		value     *int
		otherwise int
	}{
		{&c.CodeTries, 5}, {&c.Burst, 50}, {&c.Running, 4 * runtime.NumCPU()}, {&c.Waiting, 1024}, {&c.PerSource, 256},
		{&c.TotalBurst, 64},
	} {
		if *f.value == 0 {
			*f.value = f.otherwise
		}
		if *f.value < 0 {
			return fmt.Errorf("provisioning: a limit is negative: %w", reference.ErrInvalid)
		}
	}
	if c.Rate == 0 {
		c.Rate = 10
	}
	if c.Patience <= 0 {
		c.Patience = 10 * time.Second
	}
	if c.TotalRate == 0 {
		c.TotalRate = 1
	}
	if c.TicketValidity == 0 {
		c.TicketValidity = 24 * time.Hour
	}
	if len(c.Versions) == 0 {
		c.Versions = []int{2}
	}
	for _, v := range c.Versions {
		if protocols[v] == nil {
			return fmt.Errorf("provisioning: there is no MPP version %d: %w", v, reference.ErrInvalid)
		}
	}
	return nil
}

// Parts are what a Server works with. The last six may be left nil.
type Parts struct {
	Store  store.EPS
	HSM    HSM
	Keys   Keyring
	Clock  reference.Clock
	Random io.Reader // hsm.HSM.Random

	Rows    row.Format // row.Bound
	Witness Witness    // the audit in Store, under the key of Keys
	Waiter  Waiter     // the system's clock
	Rejects Rejecter   // none
	Rules   []Rule     // Rules()
	Log     *slog.Logger
	// Activator activates what was delivered; without one there is neither route nor ticket.
	Activator Activator
}

func (p *Parts) complete() error {
	if p.Store == nil || p.HSM == nil || p.Keys == nil || p.Clock == nil || p.Random == nil {
		return errors.New("provisioning: a part is missing")
	}
	if p.Rows == nil {
		p.Rows = row.Bound{Keys: p.Keys}
	}
	if p.Witness == nil {
		p.Witness = sealedRecords{p.Store, p.Keys}
	}
	if p.Waiter == nil {
		p.Waiter = SystemWaiter{}
	}
	if p.Rejects == nil {
		p.Rejects = unheard{}
	}
	if p.Rules == nil {
		p.Rules = Rules()
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

type unheard struct{}

func (unheard) Count(string) {}

// Server provisions. Its methods may be called from many goroutines.
type Server struct {
	config Config
	parts  Parts
	gate   *gate
	desk   *gate           // of activations, so that they and provisionings wait for their own only
	total  *turnstile      // of version 1
	decoy  reference.Token // a sealed row that is in no database

	protocols map[int]protocol // those that are on
}

// New checks the configuration and makes the decoy, for which it needs the HSM.
func New(ctx context.Context, c Config, p Parts) (*Server, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	if p.Activator != nil && slices.Contains(c.Versions, 1) {
		return nil, fmt.Errorf("provisioning: MPP v1 has no ticket to activate with: %w", reference.ErrInvalid)
	}
	s := &Server{config: c, parts: p, gate: newGate(c), desk: newGate(c), total: newTurnstile(c)}
	if err := s.openProtocols(); err != nil {
		return nil, fmt.Errorf("provisioning: %w", err)
	}
	if err := s.makeDecoy(ctx); err != nil {
		return nil, fmt.Errorf("provisioning: decoy: %w", err)
	}
	return s, nil
}

// Provision answers the body of a request of a version that is on, from a source address.
// In one version every answer has as many bytes; where granted is false they are random,
// and the cause is in the audit. The caller sees to it that a refusal leaves on the grid.
func (s *Server) Provision(ctx context.Context, version int, source string, body []byte) (answer []byte, granted bool) {
	answer, err := s.filler(s.protocols[version].size())
	if err != nil {
		s.parts.Log.ErrorContext(ctx, "provisioning", "error", err)
		return answer, false
	}
	v, ok := s.gate.enter(source, s.parts.Waiter.Now())
	if !ok {
		s.parts.Rejects.Count(source)
		return answer, false
	}
	failed, guessed := false, true // unless it turns out otherwise
	defer func() { s.gate.leave(v, failed, s.parts.Waiter.Now()) }()
	s.parts.Waiter.Sleep(ctx, v.delay)
	if version == 1 {
		if s.total.enter(ctx, s.parts.Waiter) != nil {
			return answer, false
		}
		defer func() { s.total.leave(guessed, s.parts.Waiter.Now()) }()
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Patience)
	defer cancel()
	if s.gate.run(ctx) != nil {
		return answer, false
	}
	defer s.gate.done()
	a, err := s.serve(ctx, version, source, body)
	if err != nil {
		s.parts.Log.ErrorContext(ctx, "provisioning", "error", err)
		return answer, false
	}
	failed = a.cause != ""
	guessed = failed && a.known
	if failed {
		return answer, false
	}
	return a.answer, true
}

// serve takes a request through the steps of PROTOCOL.md §6. An error is one of the
// EPS's own; what is wrong with the request is in the attempt.
func (s *Server) serve(ctx context.Context, version int, source string, body []byte) (*attempt, error) {
	decoded, cause := s.protocols[version].decode(body)
	var a *attempt
	err := s.parts.HSM.Do(ctx, func(ss *hsm.Session) error {
		// A lost session starts from here.
		a = &attempt{source: source, version: version, request: decoded, cause: cause}
		return s.exchange(ctx, ss, a)
	})
	if err != nil {
		return nil, err
	}
	defer clear(a.code)
	defer clear(a.ticket)
	return a, s.commit(ctx, a)
}

// exchange is all that the HSM takes part in. It makes the same calls for every
// request of a version; a.cause grows the first thing that was wrong.
func (s *Server) exchange(ctx context.Context, ss *hsm.Session, a *attempt) error {
	steps := []func(context.Context, *hsm.Session, *attempt) error{s.open, s.find, s.deliver, s.issue, s.respond}
	for _, step := range steps {
		if err := step(ctx, ss, a); err != nil {
			return err
		}
	}
	return nil
}

// grantOf is what a response says of a token.
func (s *Server) grantOf(a *attempt) wire.Grant {
	t := a.row.Token
	return wire.Grant{
		EPS: s.config.EPS, Service: t.Service, Token: t.ID, W: a.w,
		Direction: t.Direction, TOKLength: t.TOKLength, CLength: t.CLength,
		Salt: t.Salt, KDF: t.KDF, Iterations: t.Iterations, Suite: t.Suite, Counter: t.Counter,
		Ticket: a.ticket, Time: uint64(max(0, a.row.Now.Unix())), PINDigits: t.PINDigits,
	}
}

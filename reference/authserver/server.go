package authserver

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// Config says how the authentication server behaves. The zero Config is the default.
type Config struct {
	Rules      Rules         `yaml:"rules"`
	Challenges Challenges    `yaml:"challenges"`
	Resident   int           `yaml:"resident"` // TOKs kept as handles in the HSM; 0: 16,384
	Patience   time.Duration `yaml:"patience"` // for counting a failure when the caller has gone; 0: 10 s
	Grid       time.Duration `yaml:"grid"`     // refused OTPs are answered on this grid; 0: 50 ms
}

// Keyring is the keys of a running authentication server (keys.AuthRing). Handles are
// asked for inside HSM.Do: after a loss they are others.
type Keyring interface {
	ASK(ctx context.Context) (hsm.Key, error)
	Row(ctx context.Context) (hsm.Key, error)
	TRK(ctx context.Context, version uint32) (hsm.Key, error)
	PLK(ctx context.Context) (hsm.Key, error)
	PLKR(ctx context.Context) (hsm.Key, error)
	ImportPrivate(ctx context.Context) (hsm.Key, error)
	ImportPublic() *rsa.PublicKey
}

// Parts is what an authentication server is made of. Store, HSM and Keys are
// required; the others have defaults.
type Parts struct {
	Store  store.AuthServer
	HSM    *hsm.HSM
	Keys   Keyring
	Clock  reference.Clock
	Random reference.Random // the HSM's, mixed with the system's
	Log    *slog.Logger
	Policy Policy // Config.Rules
	// Questions draws those of challenges; OCRA computes the responses. The defaults are
	// oath.Question.Draw and oath.Suite.Response.
	Questions Questions
	OCRA      OCRA
	// Identify tells who calls, by the client certificate. Nil: nobody may do anything.
	Identify func(*http.Request) pki.Caller
	// Wrap goes around the handler of a listener, "auth" or "plugin".
	Wrap func(listener string, h http.Handler) http.Handler
}

// Server is an authentication server.
type Server struct {
	store    store.AuthServer
	hsm      *hsm.HSM
	keys     Keyring
	clock    reference.Clock
	random   io.Reader
	log      *slog.Logger
	policy   Policy
	identify func(*http.Request) pki.Caller
	wrap     func(string, http.Handler) http.Handler

	patience time.Duration
	grid     time.Duration
	turns    turns
	toks     *residents
	decoy    *held

	asking    asking
	questions Questions
	ocra      OCRA
	sweeps    sweeps
}

const (
	defaultResident = 16_384
	defaultPatience = 10 * time.Second
)

// DefaultGrid is when refused OTPs are answered: at multiples of it since the request came.
const DefaultGrid = 50 * time.Millisecond

// New makes a server. It refuses a configuration that would raise a limit.
func New(c Config, p Parts) (*Server, error) {
	if p.Store == nil || p.HSM == nil || p.Keys == nil {
		return nil, errors.New("authentication server: store, HSM and keys are required")
	}
	rules, err := c.Rules.Complete()
	if err != nil {
		return nil, fmt.Errorf("authentication server: %w", err)
	}
	asking, err := c.Challenges.complete()
	if err != nil {
		return nil, fmt.Errorf("authentication server: %w", err)
	}
	if c.Resident < 0 || c.Patience < 0 || c.Grid < 0 {
		return nil, errors.New("authentication server: resident, patience and grid cannot be negative")
	}
	s := &Server{
		store: p.Store, hsm: p.HSM, keys: p.Keys, clock: p.Clock, random: p.Random, log: p.Log,
		policy: p.Policy, identify: p.Identify, wrap: p.Wrap,
		patience: or(c.Patience, defaultPatience),
		grid:     or(c.Grid, DefaultGrid),
		turns:    newTurns(),
		asking:   asking, questions: p.Questions, ocra: p.OCRA,
	}
	s.defaults(rules)
	s.toks = newResidents(p.HSM, or(c.Resident, defaultResident))
	s.decoy = newHeld(p.HSM, "decoy TOK", loadDecoy)
	return s, nil
}

func (s *Server) defaults(rules Rules) {
	if s.clock == nil {
		s.clock = reference.SystemClock{}
	}
	if s.random == nil {
		s.random = s.hsm.Random()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.policy == nil {
		s.policy = rules
	}
	if s.questions == nil {
		s.questions = func(random io.Reader, q oath.Question) (string, error) { return q.Draw(random) }
	}
	if s.ocra == nil {
		s.ocra = oath.Suite.Response
	}
	if s.identify == nil {
		s.identify = func(*http.Request) pki.Caller { return pki.Caller{} }
	}
	if s.wrap == nil {
		s.wrap = func(_ string, h http.Handler) http.Handler { return h }
	}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Close gives the HSM back what this server keeps there.
func (s *Server) Close() {
	s.toks.clear()
	s.decoy.forget()
}

// Healthy says whether OTPs can be judged now: HSM and database answer, and what
// is judged can be kept.
func (s *Server) Healthy(ctx context.Context) error {
	if err := s.hsm.Healthy(ctx); err != nil {
		return err
	}
	err := s.store.View(ctx, func(tx store.AuthReader) error {
		_, err := tx.Credentials("", 1)
		return err
	})
	if err != nil {
		return err
	}
	return s.store.Writable(ctx)
}

// Package enroll is the enrolment half of the security target (seed 000 §2.2.1): it
// makes a token, hands it to the authentication server, and gives the bank a PIN and
// a registration code, once. It also moves tokens through the rest of their life.
//
// Start at Service.Enrol. The order matters there: the row and its code are durable
// as `pending` before the authentication server hears of the token, and nothing
// leaves before `issued` is durable too, so that a crash leaves all or nothing.
package enroll

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/row"
	"github.com/epsbench/epsbench/reference/store"
)

// HSM lends sessions of the EPS's token; *hsm.HSM is one.
type HSM interface {
	Do(ctx context.Context, fn func(*hsm.Session) error) error
}

// Keyring finds the keys that enrolment uses; *keys.Ring is one.
type Keyring interface {
	row.Keyring
	TRK(ctx context.Context, server string) (hsm.Key, uint32, error)
	IDX(ctx context.Context) (hsm.Key, error)
	Ticket(ctx context.Context) (hsm.Key, error)
}

// AuthServer is the authentication server's side of the plug-in contract;
// *plugin.Client is one.
type AuthServer interface {
	Create(ctx context.Context, r plugin.Registration) error
	Cancel(ctx context.Context, key string, token reference.TokenID) error
	SetState(ctx context.Context, key string, token reference.TokenID, op string) error
	Activate(ctx context.Context, key string, token reference.TokenID, a plugin.Attempt) error
	Settle(ctx context.Context, key string, token reference.TokenID) error
}

// Config are the defaults and limits of enrolment. Zero fields take the defaults below.
type Config struct {
	AuthServer    string        // name of the authentication server, as it was paired
	Suite         string        // "HOTP-SHA256-6"
	PINDigits     int           // 4 to 12
	CodeDigits    int           // 2 to 11
	CodeTries     int           // failures that kill a code
	Validity      time.Duration // of a registration code
	Iterations    int           // of PBKDF2
	CreateTimeout time.Duration // of the authentication server's answer
	Patience      time.Duration // for the commits behind it: 10 s

	Versions []int    // of MPP that codes are made for; the highest where the bank does not say
	Guessing Guessing // of version 1

	// Activation has tokens refused by the authentication server until an OTP of theirs has
	// come by Activate, in ActivationTries at most.
	Activation      bool
	ActivationTries int // 5
}

// maxValidity bounds how long a registration code may live.
const maxValidity = 90 * 24 * time.Hour

func (c *Config) complete() {
	c.Suite = or(c.Suite, "HOTP-SHA256-6")
	c.PINDigits = or(c.PINDigits, 6)
	c.CodeDigits = or(c.CodeDigits, 11)
	c.CodeTries = or(c.CodeTries, 5)
	c.Validity = or(c.Validity, 24*time.Hour)
	c.Iterations = or(c.Iterations, 100_000)
	c.CreateTimeout = or(c.CreateTimeout, 10*time.Second)
	c.ActivationTries = or(c.ActivationTries, 5)
	c.Patience = or(c.Patience, 10*time.Second)
	if len(c.Versions) == 0 {
		c.Versions = []int{2}
	}
}

func or[T comparable](have, otherwise T) T {
	var none T
	if have == none {
		return otherwise
	}
	return have
}

func (c Config) check() error {
	if c.AuthServer == "" || c.Iterations < 1 || c.CreateTimeout < 0 {
		return fmt.Errorf("enrolment: an authentication server, iterations and a time-out are wanted: %w", reference.ErrInvalid)
	}
	if c.Activation && slices.Contains(c.Versions, literal) {
		return fmt.Errorf("enrolment: MPP v1 has no ticket to activate with: %w", reference.ErrInvalid)
	}
	if c.ActivationTries < 1 {
		return fmt.Errorf("enrolment: activation without a try: %w", reference.ErrInvalid)
	}
	if slices.Contains(c.Versions, literal) {
		if err := CheckGuessing(c.CodeDigits, c.Guessing); err != nil {
			return err
		}
	}
	for _, v := range c.Versions {
		r := Request{Suite: c.Suite, PINDigits: c.PINDigits, CodeDigits: c.CodeDigits, Validity: c.validity(v), MPP: v}
		if err := c.checkRequest(r); err != nil {
			return err
		}
	}
	return nil
}

// checkRequest holds for what the bank may choose too.
func (c Config) checkRequest(r Request) error {
	suite, err := oath.ParseSuite(r.Suite)
	if err == nil {
		err = suite.Enrollable()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", reference.ErrInvalid, err)
	}
	if c.Activation && suite.Kind == oath.KindOCRA {
		return fmt.Errorf("suite: tokens are activated by an OTP here, and one of %s makes none: %w", suite, reference.ErrInvalid)
	}
	if r.PINDigits < reference.MinPINDigits || r.PINDigits > reference.MaxPINDigits {
		return fmt.Errorf("PIN: want %d to %d digits: %w", reference.MinPINDigits, reference.MaxPINDigits, reference.ErrInvalid)
	}
	if r.Validity <= 0 || r.Validity > maxValidity {
		return fmt.Errorf("validity: want up to %v: %w", maxValidity, reference.ErrInvalid)
	}
	if !slices.Contains(c.Versions, r.MPP) {
		return fmt.Errorf("mpp: version %d is not on: %w", r.MPP, reference.ErrInvalid)
	}
	if r.MPP == literal {
		return c.checkLiteral(r)
	}
	return CheckTries(r.CodeDigits, c.CodeTries)
}

// CheckTries refuses codes that could be guessed with more than 2^-11 (RGS
// RecomTauxFausseAcceptation): more than 10^digits/2048 tries.
func CheckTries(digits, tries int) error {
	if digits < reference.MinCodeDigits || digits > reference.MaxCodeDigits {
		return fmt.Errorf("code: want %d to %d digits: %w", reference.MinCodeDigits, reference.MaxCodeDigits, reference.ErrInvalid)
	}
	space := space(digits)
	if tries < 1 || int64(tries)*2048 > space {
		return fmt.Errorf("code: %d digits bear at most %d tries, not %d: %w", digits, space/2048, tries, reference.ErrInvalid)
	}
	return nil
}

// Parts are what a Service works with. The last five may be left nil.
type Parts struct {
	Store      store.EPS
	HSM        HSM
	Keys       Keyring
	AuthServer AuthServer
	Clock      reference.Clock
	Random     io.Reader // hsm.HSM.Random

	Rows  row.Format // row.Bound
	KDF   KDF        // PBKDF2
	PINs  PINs       // DrawPIN
	Codes Codes      // DrawCode

	Tickets []TicketRule // TicketRules()
}

// Service enrols, and changes what is enrolled. Its methods may be called from
// many goroutines.
type Service struct {
	config Config
	parts  Parts
	flush  chan struct{} // one Flush at a time, so that messages of a token keep their order
	lost   lost
}

// New checks the configuration; it gives reference.ErrInvalid for one that would
// break a limit.
func New(c Config, p Parts) (*Service, error) {
	c.complete()
	if err := c.check(); err != nil {
		return nil, err
	}
	if p.Store == nil || p.HSM == nil || p.Keys == nil || p.AuthServer == nil || p.Clock == nil || p.Random == nil {
		return nil, errors.New("enrolment: a part is missing")
	}
	if p.Rows == nil {
		p.Rows = row.Bound{Keys: p.Keys}
	}
	if p.KDF == nil {
		p.KDF = PBKDF2
	}
	if p.PINs == nil {
		p.PINs = DrawPIN
	}
	if p.Codes == nil {
		p.Codes = DrawCode
	}
	if p.Tickets == nil {
		p.Tickets = TicketRules()
	}
	return &Service{config: c, parts: p, flush: make(chan struct{}, 1), lost: lost{entries: map[string]time.Time{}}}, nil
}

package enroll

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// Request asks for a token. Fields after User may be zero: then the configuration
// decides. Actor is whom the audit names.
type Request struct {
	Service    reference.Service
	User       reference.User
	Suite      string
	PINDigits  int
	CodeDigits int
	Validity   time.Duration
	MPP        int // the version that the code is for
	Actor      string
}

// Result is given once. The caller delivers PIN and Code and clears both.
type Result struct {
	Token   reference.TokenID
	PIN     reference.Secret
	Code    reference.Secret // "LOCATOR-DIGITS"
	Expires time.Time
}

// Clear overwrites the secrets.
func (r Result) Clear() {
	r.PIN.Clear()
	r.Code.Clear()
}

// draft is a token on its way to be issued, with the secrets that it takes.
type draft struct {
	token reference.Token
	pin   []byte
	code  issue
	blob  []byte // TOK under TRK
	actor string
}

func (d *draft) clear() {
	clear(d.pin)
	d.code.clear()
}

// Enrol makes a token for a user. Its errors: ErrInvalid; ErrExists where the user has
// a live token at the service (its PIN is never told again); ErrRefused where the
// authentication server will not have it; ErrUnavailable.
func (s *Service) Enrol(ctx context.Context, r Request) (Result, error) {
	r = s.filled(r)
	if err := s.check(r); err != nil {
		return Result{}, fmt.Errorf("enrol: %w", err)
	}
	if err := s.free(ctx, r); err != nil { // spares the work; the insert decides
		return Result{}, fmt.Errorf("enrol: %w", err)
	}
	d, err := s.draft(ctx, r)
	if err != nil {
		return Result{}, fmt.Errorf("enrol: %w", err)
	}
	if err := s.bring(ctx, d); err != nil {
		d.clear()
		return Result{}, fmt.Errorf("enrol: %w", err)
	}
	code := d.code.join()
	d.code.clear()
	return Result{Token: d.token.ID, PIN: reference.NewSecret(d.pin), Code: code, Expires: d.code.row.Expires}, nil
}

func (s *Service) filled(r Request) Request {
	r.Suite = or(r.Suite, s.config.Suite)
	r.PINDigits = or(r.PINDigits, s.config.PINDigits)
	r.CodeDigits = or(r.CodeDigits, s.config.CodeDigits)
	r.MPP = or(r.MPP, slices.Max(s.config.Versions))
	r.Validity = or(r.Validity, s.config.validity(r.MPP))
	r.Actor = or(r.Actor, "system")
	return r
}

func (s *Service) check(r Request) error {
	if err := r.Service.Check(); err != nil {
		return err
	}
	if err := r.User.Check(); err != nil {
		return err
	}
	return s.config.checkRequest(r)
}

// free says whether the user may have a token.
func (s *Service) free(ctx context.Context, r Request) error {
	return s.parts.Store.View(ctx, func(tx store.Reader) error {
		_, err := tx.TokenOf(r.Service, r.User)
		if err == nil {
			return fmt.Errorf("the user has a token at the service: %w", reference.ErrExists)
		}
		if errors.Is(err, reference.ErrNotFound) {
			return nil
		}
		return err
	})
}

// draft draws all that is random and has the HSM make the token.
func (s *Service) draft(ctx context.Context, r Request) (*draft, error) {
	d := &draft{actor: r.Actor}
	var err error
	if d.token, err = s.blank(r); err != nil {
		return nil, err
	}
	if d.pin, err = s.parts.PINs(s.parts.Random, r.PINDigits); err != nil {
		return nil, err
	}
	if err := s.seal(ctx, d); err != nil {
		d.clear()
		return nil, err
	}
	if d.code, err = s.newCode(ctx, d.token, wanted{r.MPP, r.CodeDigits, r.Validity}); err != nil {
		d.clear()
		return nil, err
	}
	return d, nil
}

// blank is the row of a new token but for what the HSM makes.
func (s *Service) blank(r Request) (reference.Token, error) {
	suite, err := oath.ParseSuite(r.Suite)
	if err != nil {
		return reference.Token{}, fmt.Errorf("%w: %w", reference.ErrInvalid, err)
	}
	id, err := drawName(s.parts.Random, tokenIDBytes)
	if err != nil {
		return reference.Token{}, fmt.Errorf("draw a token id: %w", err)
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(s.parts.Random, salt); err != nil {
		return reference.Token{}, fmt.Errorf("draw a salt: %w", err)
	}
	now := s.parts.Clock.Now()
	n := suite.SecretLength()
	return reference.Token{
		ID: reference.TokenID(id), Service: r.Service, User: r.User, State: reference.Pending,
		Suite: r.Suite, AuthServer: s.config.AuthServer,
		TOKLength: n, CLength: (n + 15) / 16 * 16,
		Salt: salt, KDF: kdfName, Iterations: s.config.Iterations, PINDigits: r.PINDigits,
		RowVersion: reference.SealedVersion, Created: now, Updated: now,
	}, nil
}

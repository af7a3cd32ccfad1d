package enroll

import (
	"fmt"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// literal is the version of MPP whose codes have no locator: what somebody guesses is
// tried against each that is live.
const literal = 1

// Guessing is what bounds guesses at codes without a locator, from all addresses
// together: Burst failures at once, then Rate a second, while a code lives.
type Guessing struct {
	Rate     float64
	Burst    int
	Validity time.Duration // of a code; the bank may ask for less
}

// Tries is how many guesses it admits during one code's life.
func (g Guessing) Tries() int64 {
	return int64(g.Burst) + int64(g.Rate*g.Validity.Seconds()) + 1
}

// Live is how many codes of so many digits may be live at once, so that a guess succeeds
// with 2^-11 at most in that time (RGS RecomTauxFausseAcceptation).
func (g Guessing) Live(digits int) int64 { return space(digits) / falseAcceptance / g.Tries() }

// falseAcceptance is 1/2^-11.
const falseAcceptance = 2048

// space is the number of codes of so many digits.
func space(digits int) int64 {
	n := int64(1)
	for range digits {
		n *= 10
	}
	return n
}

// CheckGuessing refuses a configuration that could issue no code without a locator.
func CheckGuessing(digits int, g Guessing) error {
	if g.Rate <= 0 || g.Burst < 1 || g.Validity <= 0 || g.Validity > maxValidity {
		return fmt.Errorf("guesses at codes of MPP v1 have no limit: %w", reference.ErrInvalid)
	}
	if g.Live(digits) < 1 {
		return fmt.Errorf("code: %d digits bear no guessing for %v at %g failures a second, and MPP v1 has no locator: %w", digits, g.Validity, g.Rate, reference.ErrInvalid)
	}
	return nil
}

// validity is how long a code of a version lives where the bank does not say.
func (c Config) validity(mpp int) time.Duration {
	if mpp == literal {
		return c.Guessing.Validity
	}
	return c.Validity
}

// checkLiteral: codes that are longer, or live for less, than the configuration's only
// make guessing harder; others would break its sum.
func (c Config) checkLiteral(r Request) error {
	if r.CodeDigits < c.CodeDigits || r.CodeDigits > reference.MaxCodeDigits {
		return fmt.Errorf("code: for MPP v1 want %d to %d digits: %w", c.CodeDigits, reference.MaxCodeDigits, reference.ErrInvalid)
	}
	if r.Validity > c.Guessing.Validity {
		return fmt.Errorf("validity: for MPP v1 want up to %v: %w", c.Guessing.Validity, reference.ErrInvalid)
	}
	return nil
}

// room refuses a code without a locator where as many are live as guessing allows: until
// one is used, or expires. It is asked in the transaction that inserts the code.
func (s *Service) room(tx store.Reader, c reference.RegistrationCode) error {
	if c.MPP != literal {
		return nil
	}
	live, err := tx.GuessableCodes(s.parts.Clock.Now())
	if err != nil {
		return err
	}
	if most := s.config.Guessing.Live(s.config.CodeDigits); int64(live) >= most {
		return fmt.Errorf("%d registration codes of MPP v1 are live, and guessing allows no more: %w", live, reference.ErrUnavailable)
	}
	return nil
}

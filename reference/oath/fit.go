package oath

import (
	"errors"
	"fmt"
)

// ErrUnfit is a suite that is well formed and still not taken for a token.
var ErrUnfit = errors.New("suite is not fit for a token")

// minQuestions is the least number of questions where nothing else moves. Who records
// responses answers a repeated question after about its square root (seed 001 §C.1.c.3.1:
// seven digits fall at 2^11.5). Eight are in wide use; below that, a token is not taken.
const minQuestions = 100_000_000

// Moves says that something else than a question tells one response from the next: a
// counter or the time.
func (s Suite) Moves() bool { return s.Counts() || s.Period > 0 }

// Counts says that both sides keep a counter.
func (s Suite) Counts() bool { return s.Kind == KindHOTP || s.Inputs.Counter }

// Importable says why no token of s may come from elsewhere; nil if it may.
func (s Suite) Importable() error {
	if s.Kind != KindOCRA {
		return nil
	}
	q := s.Inputs.Question
	if q.Length < s.Digits {
		return fmt.Errorf("%w: a question is shorter than its response (RFC 6287 §8.2, IC4)", ErrUnfit)
	}
	if !s.Moves() && !q.different(minQuestions) {
		return fmt.Errorf("%w: without counter and time, fewer than 10^8 questions fall to a dictionary", ErrUnfit)
	}
	return nil
}

// Enrollable says why no token is made for s; nil if one may be.
func (s Suite) Enrollable() error {
	if s.Kind != KindOCRA {
		return nil
	}
	rules := []struct {
		holds bool
		why   string
	}{
		{s.Inputs.PIN == 0, "a PIN hash is for imported tokens: the PIN of an enrolled one is kept nowhere, not even hashed"},
		{s.Moves(), "a counter or a timestamp has to be part of it (seed 001 §C.1.c.3.1)"},
		{MinDigits <= s.Digits && s.Digits <= MaxDigits, "responses have 6 to 8 digits"},
	}
	for _, r := range rules {
		if !r.holds {
			return fmt.Errorf("%w: %s", ErrUnfit, r.why)
		}
	}
	return s.Importable()
}

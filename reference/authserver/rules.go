package authserver

import (
	"fmt"
	"math"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// Policy says which OTPs are tested and when a token locks. Rules is the real one; a
// mutant brings another.
type Policy interface {
	// InUse says that the state of a token lets its OTPs be tested.
	InUse(c store.Credential) bool
	// Activates says that an OTP may be tested to activate a token.
	Activates(c store.Credential) bool
	// Window gives the moving factors that an OTP is compared with: n, from first on,
	// none below c.Counter.
	Window(s oath.Suite, c store.Credential, now time.Time) (first uint64, n int)
	// Resynchronisation gives the moving factors at which otps OTPs in a row may begin: n,
	// from first on, none below c.Counter. None where c does not resynchronise now.
	Resynchronisation(s oath.Suite, c store.Credential, otps int) (first uint64, n int)
	// Steps gives the time steps that go with each counter of a suite that has both.
	Steps(s oath.Suite, now time.Time) (first uint64, n int)
	// Answerable says that a response to a challenge, for this token and in this session,
	// may be tested now.
	Answerable(c store.Challenge, token reference.TokenID, session string, now time.Time) bool
	// Locked says that no further candidate may be tested before an unlock.
	Locked(s oath.Suite, c store.Credential) bool
	// Accept is c after the OTP of a moving factor, or a row of them that ends there, has
	// been accepted.
	Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential
	// Fail is c after an OTP differed from all tested candidates.
	Fail(c store.Credential, tested int) store.Credential
}

// Rules are the windows and the lock. A field of zero takes the largest
// value that is safe, which is the default; none can be raised above it.
type Rules struct {
	Consecutive int `yaml:"consecutive"` // failures in a row that lock: at most 3
	Candidates  int `yaml:"candidates"`  // candidate OTPs tested in vain until an unlock: at most ⌊10^d/2048⌋
	Failures    int `yaml:"failures"`    // failures until an unlock: at most ⌊(10^p − weak PINs)/2048⌋
	LookAhead   int `yaml:"look_ahead"`  // HOTP counters tested past the expected one: at most 10; −1 for none
	Drift       int `yaml:"drift"`       // TOTP steps tested to either side of the phone's time: at most 1; −1 for none
	// Resynchronise is how many HOTP counters past the expected one a resynchronisation may
	// begin: at most 50; −1 for none at all.
	Resynchronise int `yaml:"resynchronise"`
	// Offset is how many TOTP steps the phone's clock may be off the server's, as far as
	// accepted OTPs have shown it: at most 10; −1 to remember nothing.
	Offset int `yaml:"offset"`
}

// The largest values. RFC 4226 §7.4 asks for a small look-ahead, RFC 6238 §5.2 for at
// most one step of delay; §6 has the drift remembered and bounded.
const (
	maxConsecutive   = 3
	maxLookAhead     = 10
	maxDrift         = 1
	maxResynchronise = 50
	maxOffset        = 10
	// falseAcceptance is 1/2^-11, the bound of RGS RecomTauxFausseAcceptation.
	falseAcceptance = 2048
	// maxCounter keeps the next counter within what every database stores; a counter
	// never wraps (seed 000, RGS annex C).
	maxCounter = math.MaxInt64 - 1
)

var maxRules = Rules{
	Consecutive:   maxConsecutive,
	Candidates:    pow10(oath.MaxDigits) / falseAcceptance,
	Failures:      pow10(12) / falseAcceptance,
	LookAhead:     maxLookAhead,
	Drift:         maxDrift,
	Resynchronise: maxResynchronise,
	Offset:        maxOffset,
}

// Complete fills in the defaults and refuses what would raise a limit.
func (r Rules) Complete() (Rules, error) {
	fields := []struct {
		name       string
		value      *int
		none, most int
	}{
		{"consecutive", &r.Consecutive, 1, maxRules.Consecutive},
		{"candidates", &r.Candidates, 1, maxRules.Candidates},
		{"failures", &r.Failures, 1, maxRules.Failures},
		{"look_ahead", &r.LookAhead, -1, maxRules.LookAhead},
		{"drift", &r.Drift, -1, maxRules.Drift},
		{"resynchronise", &r.Resynchronise, -1, maxRules.Resynchronise},
		{"offset", &r.Offset, -1, maxRules.Offset},
	}
	for _, f := range fields {
		if *f.value == 0 {
			*f.value = f.most
		}
		if *f.value < f.none || *f.value > f.most {
			return Rules{}, fmt.Errorf("rules: %s is %d: a limit can be lowered only, from %d", f.name, *f.value, f.most)
		}
	}
	for _, f := range fields {
		*f.value = max(*f.value, 0)
	}
	return r, nil
}

// InUse leaves out tokens that are inactive, locked, suspended or gone.
func (r Rules) InUse(c store.Credential) bool { return c.State == stateActive }

// Activates is for tokens that wait for it, and no others: an OTP is used one way.
func (r Rules) Activates(c store.Credential) bool { return c.State == stateInactive }

// Window starts at the next counter, or the step after the last accepted one, so that
// nothing accepted before is ever a candidate again (RFC 4226 §7.2, RFC 6238 §5.2).
//
// A question tells two responses of one time step apart, and is never put twice within a
// window: so OCRA starts at the last accepted step itself.
func (r Rules) Window(s oath.Suite, c store.Credential, now time.Time) (first uint64, n int) {
	switch {
	case s.Counts():
		return span(c.Counter, c.Counter+uint64(r.LookAhead))
	case s.Period == 0:
		return 0, 1 // nothing moves but the question
	}
	lowest := c.Counter
	if s.Kind == oath.KindOCRA {
		lowest -= min(lowest, 1)
	}
	step, offset := s.Step(now), r.offset(int64(c.Offset))
	return span(max(lowest, shifted(step, offset-r.Drift)), shifted(step, offset+r.Drift))
}

// Steps are those around now.
func (r Rules) Steps(s oath.Suite, now time.Time) (first uint64, n int) {
	step := s.Step(now)
	return span(shifted(step, -r.Drift), shifted(step, r.Drift))
}

// Answerable: once, in time, by the token and in the session that were asked.
func (r Rules) Answerable(c store.Challenge, token reference.TokenID, session string, now time.Time) bool {
	return !c.Used && now.Before(c.Expires) && c.Token == token && c.Session == session
}

// shifted is step + by, not below 0.
func shifted(step uint64, by int) uint64 {
	if by < 0 {
		return step - min(step, uint64(-by))
	}
	return step + uint64(by)
}

// Resynchronisation looks further ahead than a login, for several OTPs in a row (RFC 4226
// §7.4). It begins where a login does, so that no counter goes back, and takes place only
// where all that it tests can still be counted. A TOTP token follows its clock by logins.
func (r Rules) Resynchronisation(s oath.Suite, c store.Credential, otps int) (first uint64, n int) {
	if s.Kind != oath.KindHOTP || r.Resynchronise == 0 {
		return c.Counter, 0
	}
	first, n = span(c.Counter, c.Counter+uint64(r.Resynchronise+otps-1))
	n = max(n-(otps-1), 0)
	if c.Candidates+n > r.maxCandidates(s.Digits) {
		return first, 0
	}
	return first, n
}

// span is first … last without what lies past maxCounter.
func span(first, last uint64) (uint64, int) {
	last = min(last, maxCounter)
	if first > last {
		return first, 0
	}
	return first, int(last-first) + 1
}

// Locked holds when the next failure could exceed a limit: it would test a whole window.
func (r Rules) Locked(s oath.Suite, c store.Credential) bool {
	return c.Failures >= r.Consecutive ||
		c.Candidates+r.widest(s) > r.maxCandidates(s.Digits) ||
		c.PINDigits > 0 && c.FailedEver >= r.maxFailures(c.PINDigits)
}

func (r Rules) widest(s oath.Suite) int {
	n := 1
	if s.Counts() {
		n *= r.LookAhead + 1
	}
	if s.Period > 0 {
		n *= 2*r.Drift + 1
	}
	return n
}

// maxCandidates: a response that is not truncated, 0 digits, is not guessed.
func (r Rules) maxCandidates(digits int) int {
	if digits == 0 {
		return r.Candidates
	}
	return min(r.Candidates, pow10(digits)/falseAcceptance)
}

// maxFailures: whoever holds the phone tries PINs, one a failure. Weak ones are never given
// out. Imported tokens have no PIN, unless their suite has.
func (r Rules) maxFailures(pinDigits int) int {
	return min(r.Failures, (pow10(pinDigits)-reference.WeakPINs(pinDigits))/falseAcceptance)
}

// Accept ends a row of failures. What counts until an unlock stays: a user's own
// logins must not give an attacker fresh tries. A token whose OTP is accepted is activated:
// which OTPs of an inactive one are tested, Activates decides.
func (r Rules) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	c.Counter, c.Failures, c.Activated = moving+1, 0, true
	if s.Period > 0 && !s.Counts() {
		c.Offset = r.offset(int64(moving) - int64(s.Step(now)))
	}
	return c
}

// offset is what is remembered of a difference between the clocks (RFC 6238 §6). The
// window moves with it and is never wider, so that each login moves it by Drift at most.
func (r Rules) offset(steps int64) int {
	return int(min(max(steps, -int64(r.Offset)), int64(r.Offset)))
}

// Fail counts against all three limits (RFC 4226 §7.3: across login sessions).
func (r Rules) Fail(c store.Credential, tested int) store.Credential {
	c.Failures++
	c.FailedEver++
	c.Candidates += tested
	return c
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

package mutants

import (
	"math"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// pinPolicy are the mutants of lock, counters and windows.
var pinPolicy = []Mutant{
	{
		Name:   "no lock",
		About:  "The authentication server counts failures and never blocks.",
		Claims: []string{"ST-6.1-e"},
		Reason: "wrong OTPs the right one is accepted",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return neverLocked{p} }),
	},
	{
		Name:   "failures counted in memory",
		About:  "The authentication server keeps the count of failures in a map instead of the row.",
		Claims: []string{"ST-6.1-e"},
		Reason: "a restart clears the count",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			return &countsInMemory{Policy: p, failures: map[reference.TokenID]int{}}
		}),
	},
	{
		Name:   "failures close together counted once",
		About:  "The authentication server takes failures within a fifth of a second for a double click.",
		Claims: []string{"ST-6.1-e"},
		Reason: "a failure was lost",
		Break: withClockedPolicy(func(p authserver.Policy, c reference.Clock) authserver.Policy {
			return &doubleClick{Policy: p, clock: c, last: map[reference.TokenID]time.Time{}}
		}),
	},
	{
		Name:   "accepted OTPs not consumed",
		About:  "An accepted OTP leaves the counter where it was.",
		Claims: []string{"ST-6.1-e"},
		Reason: "parallel equal OTPs that are accepted",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			return accepting{p, func(before, after store.Credential) store.Credential { after.Counter = before.Counter; return after }}
		}),
	},
	{
		Name:   "OTPs of suspended tokens are judged",
		About:  "The authentication server accepts the OTPs of a token that the bank has suspended.",
		Claims: []string{"ST-6.1-e"},
		Reason: "the right OTP of a suspended token is accepted",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return suspendedInUse{p} }),
	},
	{
		Name:   "no OTPs are computed for unknown users",
		About:  "The authentication server leaves the HSM in peace where there is no token to test.",
		Claims: []string{"RGS-C-1"},
		Reason: "HSM calls for a user who is unknown",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return idleForNobody{p} }),
	},
	{
		Name:   "logins clear every count",
		About:  "An accepted OTP clears the counts that only an unlock may clear.",
		Claims: []string{"RGS-RecomTauxFausseAcceptation"},
		Reason: "tries before the block at a",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			return accepting{p, func(_, after store.Credential) store.Credential {
				after.FailedEver, after.Candidates = 0, 0
				return after
			}}
		}),
	},
	{
		Name:   "limit of PIN guesses for PINs of twelve digits",
		About:  "The authentication server does not look at how long a token's PIN is.",
		Claims: []string{"RGS-RecomTauxFausseAcceptation"},
		Reason: "tries before the block at a PIN of 4 digits",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return longPINs{p} }),
	},
	{
		Name:   "used time steps stay good",
		About:  "The window of a TOTP token does not begin after the last accepted step.",
		Claims: []string{"RGS-C-7"},
		Reason: "back a used OTP is accepted",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return forgetful{p} }),
	},
	{
		Name:   "counter of 32 bits",
		About:  "The counter is kept in 32 bits and wraps.",
		Claims: []string{"RGS-C-7"},
		Reason: "the counter starts again",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			return accepting{p, func(_, after store.Credential) store.Credential { after.Counter &= math.MaxUint32; return after }}
		}),
	},
	{
		Name:   "counters in memory",
		About:  "The authentication server keeps the counters of tokens in a map instead of the row.",
		Claims: []string{"RGS-C-7"},
		Reason: "after a restart a used OTP is accepted",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			return &counterInMemory{Policy: p, next: map[reference.TokenID]uint64{}}
		}),
	},
	{
		Name:   "one counter more",
		About:  "The look-ahead of HOTP is one counter longer than declared.",
		Claims: []string{"RGS-C-8"},
		Reason: "of the counter, declared",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return wider{p, oath.KindHOTP, 0, 1} }),
	},
	{
		Name:   "one step more to either side",
		About:  "The window of TOTP is one time step wider than declared, on both sides.",
		Claims: []string{"RGS-C-8"},
		Reason: "of the time step, declared",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return wider{p, oath.KindTOTP, 1, 1} }),
	},
}

// withPolicy puts another policy around the real one, anew at each start.
func withPolicy(change func(authserver.Policy) authserver.Policy) func(*Seams) {
	return withClockedPolicy(func(p authserver.Policy, _ reference.Clock) authserver.Policy { return change(p) })
}

// withClockedPolicy is withPolicy for one that looks at the clock.
func withClockedPolicy(change func(authserver.Policy, reference.Clock) authserver.Policy) func(*Seams) {
	return func(s *Seams) {
		s.Validation = func(p *authserver.Parts) { p.Policy = change(p.Policy, p.Clock) }
	}
}

type neverLocked struct{ authserver.Policy }

func (neverLocked) Locked(oath.Suite, store.Credential) bool { return false }

type suspendedInUse struct{ authserver.Policy }

func (p suspendedInUse) InUse(c store.Credential) bool {
	return c.State == "suspended" || p.Policy.InUse(c)
}

// idleForNobody has no candidates for the row that stands for all who have none.
type idleForNobody struct{ authserver.Policy }

func (p idleForNobody) Window(s oath.Suite, c store.Credential, now time.Time) (uint64, int) {
	if c.Token == "" {
		return 0, 0
	}
	return p.Policy.Window(s, c, now)
}

// countsInMemory puts its own count into the rows that the real policy judges, and takes
// it out of those that are written.
type countsInMemory struct {
	authserver.Policy
	mu       sync.Mutex
	failures map[reference.TokenID]int
}

func (p *countsInMemory) Locked(s oath.Suite, c store.Credential) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.Failures = p.failures[c.Token]
	return p.Policy.Locked(s, c)
}

func (p *countsInMemory) Fail(c store.Credential, _ int) store.Credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures[c.Token]++
	return c
}

func (p *countsInMemory) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.failures, c.Token)
	return p.Policy.Accept(s, c, moving, now)
}

type doubleClick struct {
	authserver.Policy
	clock reference.Clock
	mu    sync.Mutex
	last  map[reference.TokenID]time.Time
}

func (p *doubleClick) Fail(c store.Credential, tested int) store.Credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	before, failed := p.last[c.Token]
	p.last[c.Token] = now
	if failed && now.Sub(before) < time.Second/5 {
		return c
	}
	return p.Policy.Fail(c, tested)
}

// accepting changes what an accepted OTP does to a row.
type accepting struct {
	authserver.Policy
	change func(before, after store.Credential) store.Credential
}

func (p accepting) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	return p.change(c, p.Policy.Accept(s, c, moving, now))
}

type longPINs struct{ authserver.Policy }

func (p longPINs) Locked(s oath.Suite, c store.Credential) bool {
	c.PINDigits = reference.MaxPINDigits
	return p.Policy.Locked(s, c)
}

type forgetful struct{ authserver.Policy }

func (p forgetful) Window(s oath.Suite, c store.Credential, now time.Time) (uint64, int) {
	if s.Kind == oath.KindTOTP {
		c.Counter = 0
	}
	return p.Policy.Window(s, c, now)
}

type counterInMemory struct {
	authserver.Policy
	mu   sync.Mutex
	next map[reference.TokenID]uint64
}

func (p *counterInMemory) Window(s oath.Suite, c store.Credential, now time.Time) (uint64, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.Counter = max(c.Counter, p.next[c.Token])
	return p.Policy.Window(s, c, now)
}

func (p *counterInMemory) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next[c.Token] = moving + 1
	after := p.Policy.Accept(s, c, moving, now)
	after.Counter = c.Counter
	return after
}

// wider adds candidates before and after the window of one kind of token.
type wider struct {
	authserver.Policy
	kind          oath.Kind
	before, after int
}

func (p wider) Window(s oath.Suite, c store.Credential, now time.Time) (uint64, int) {
	first, n := p.Policy.Window(s, c, now)
	if s.Kind != p.kind {
		return first, n
	}
	return first - uint64(p.before), n + p.before + p.after
}

package mutants

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

var attackedLocks = []Mutant{
	{
		Name:   "resynchronisation leads back",
		About:  "A resynchronisation may begin at counters that were passed over.",
		Claims: []string{"ATK-10"},
		Reason: "of a pair of OTPs these resynchronise",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return backwards{p} }),
	},
	{
		Name:   "resynchronised tokens look further ahead",
		About:  "A token that was once far ahead gets a longer look-ahead for ever.",
		Claims: []string{"ATK-10"},
		Reason: "after a resynchronisation the accepted offsets",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			return &lenient{Policy: p, far: map[reference.TokenID]bool{}}
		}),
	},
	{
		Name:   "drift widens the window",
		About:  "The window reaches from the server's time to the phone's.",
		Claims: []string{"ATK-10"},
		Reason: "steps of drift remembered, the accepted offsets",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return stretching{p} }),
	},
	{
		Name:   "drift has no end",
		About:  "A phone's clock may go wrong as far as it will.",
		Claims: []string{"ATK-10"},
		Reason: "steps that a clock is followed",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			r := p.(authserver.Rules)
			r.Offset = 1 << 20
			return r
		}),
	},
	{
		Name:   "blocked tokens tell when an OTP was right",
		About:  "The right OTP of a blocked token is refused, and told that the token is blocked.",
		Claims: []string{"ATK-12"},
		Reason: "answer to the right OTP of a blocked token",
		Break:  func(s *Seams) { (&curious{says: `{"accepted":false,"locked":true}`}).put(s) },
	},
	{
		Name:   "OTPs of blocked tokens are compared",
		About:  "The authentication server looks for the OTP of a blocked token before it refuses.",
		Claims: []string{"ATK-12"},
		Reason: "HSM calls for the right OTP of a blocked token",
		Break:  func(s *Seams) { (&curious{says: `{"accepted":false}`}).put(s) },
	},
	{
		Name:   "resynchronisation looks at no lock",
		About:  "A blocked token resynchronises, and is unblocked by it.",
		Claims: []string{"ATK-13"},
		Reason: "after a lock by validation, resynchronisation accepts the right OTP",
		Break: withPolicy(func(p authserver.Policy) authserver.Policy {
			return &sideDoor{Policy: p, open: map[reference.TokenID]bool{}}
		}),
	},
	{
		Name:   "resynchronisation is not counted",
		About:  "OTPs that do not resynchronise leave no count.",
		Claims: []string{"ATK-13"},
		Reason: "after a lock by resynchronisation, validation accepts the right OTP",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return uncounted{p} }),
	},
}

// lookAhead is that of the rules.
const lookAhead = 10

type backwards struct{ authserver.Policy }

func (p backwards) Resynchronisation(s oath.Suite, c store.Credential, otps int) (uint64, int) {
	const back = 2
	first, n := p.Policy.Resynchronisation(s, c, otps)
	return first - min(first, back), n + back
}

type lenient struct {
	authserver.Policy
	mu  sync.Mutex
	far map[reference.TokenID]bool
}

func (p *lenient) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.far[c.Token] = p.far[c.Token] || moving > c.Counter+lookAhead
	return p.Policy.Accept(s, c, moving, now)
}

func (p *lenient) Window(s oath.Suite, c store.Credential, now time.Time) (uint64, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first, n := p.Policy.Window(s, c, now)
	if p.far[c.Token] {
		n++
	}
	return first, n
}

type stretching struct{ authserver.Policy }

func (p stretching) Window(s oath.Suite, c store.Credential, now time.Time) (uint64, int) {
	first, n := p.Policy.Window(s, c, now)
	c.Offset = 0
	unmoved, m := p.Policy.Window(s, c, now)
	low := min(first, unmoved)
	return low, int(max(first+uint64(n), unmoved+uint64(m)) - low)
}

// curious judges the OTPs of blocked tokens as those of others, and has the answer to right
// ones replaced.
type curious struct {
	authserver.Policy
	says  string
	right sync.Map // users whose token is blocked and whose OTP was right
}

func (p *curious) put(s *Seams) {
	withPolicy(func(real authserver.Policy) authserver.Policy {
		p.Policy = real
		return p
	})(s)
	s.Wrap = func(listener string, h http.Handler) http.Handler {
		if listener != "auth" {
			return h
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user := userOf(r)
			kept := &keptAnswer{ResponseWriter: w}
			h.ServeHTTP(kept, r)
			body := kept.body.String()
			if _, found := p.right.LoadAndDelete(user); found && strings.Contains(body, "true") {
				body = p.says
			}
			w.WriteHeader(kept.status)
			_, _ = w.Write([]byte(body)) // the caller has gone
		})
	}
}

const blocked = "locked" // state of a row

func (p *curious) InUse(c store.Credential) bool { return c.State == blocked || p.Policy.InUse(c) }

// Locked holds for a blocked row again when it has been judged: it has no state then.
func (p *curious) Locked(s oath.Suite, c store.Credential) bool {
	return c.State != blocked && p.Policy.Locked(s, c)
}

func (p *curious) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	if c.State == blocked {
		p.right.Store(string(c.Service)+"/"+string(c.User), true)
		c.State = ""
		return c
	}
	return p.Policy.Accept(s, c, moving, now)
}

func (p *curious) Fail(c store.Credential, tested int) store.Credential {
	if c.State == blocked {
		c.State = ""
		return c
	}
	return p.Policy.Fail(c, tested)
}

// sideDoor lets a blocked token be tried where it is to resynchronise.
type sideDoor struct {
	authserver.Policy
	mu   sync.Mutex
	open map[reference.TokenID]bool
}

func (p *sideDoor) way(token reference.TokenID, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[token] = open
}

func (p *sideDoor) passes(c store.Credential) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.State == blocked && p.open[c.Token]
}

func (p *sideDoor) Window(s oath.Suite, c store.Credential, now time.Time) (uint64, int) {
	p.way(c.Token, false)
	return p.Policy.Window(s, c, now)
}

func (p *sideDoor) Resynchronisation(s oath.Suite, c store.Credential, otps int) (uint64, int) {
	p.way(c.Token, true)
	return p.Policy.Resynchronisation(s, c, otps)
}

func (p *sideDoor) InUse(c store.Credential) bool { return p.passes(c) || p.Policy.InUse(c) }

func (p *sideDoor) Locked(s oath.Suite, c store.Credential) bool {
	return !p.passes(c) && p.Policy.Locked(s, c)
}

type uncounted struct{ authserver.Policy }

func (p uncounted) Fail(c store.Credential, tested int) store.Credential {
	if tested > lookAhead+1 {
		return c
	}
	return p.Policy.Fail(c, tested)
}

package personality

import (
	"sync"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// limit puts a Limit in force.
func (l *Layer) limit(r *compiled, o Options) {
	want := r.Then.Limit
	if want.Sessions > 0 || r.idle > 0 {
		if l.sessions == nil {
			l.sessions = &sessions{next: l.next, used: map[pkcs11.SessionHandle]use{}, full: pkcs11.Error(pkcs11.CKR_SESSION_COUNT)}
		}
		l.sessions.most, l.sessions.idle = max(l.sessions.most, want.Sessions), max(l.sessions.idle, r.idle)
		if r.code != nil {
			l.sessions.full = r.code
		}
	}
	if want.Rate > 0 && o.Rates {
		pace := &pace{every: time.Duration(float64(time.Second) / want.Rate)}
		r.deed = deed{functions: r.functions, run: func(l *Layer, _ *compiled, _ *cryptoki.Call, next func() error) error {
			if d := pace.due(l.now()); d > 0 {
				l.wait(d)
			}
			return next()
		}}
	}
}

// pace spaces calls: an HSM does one after the other, however many wait.
type pace struct {
	every time.Duration
	mu    sync.Mutex
	free  time.Time // when the HSM is done with what it has
}

// due is how long a call takes that comes now, with those before it.
func (p *pace) due(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(p.every)
	return p.free.Sub(now)
}

// sessions counts those that are open, and closes those that nobody has used.
type sessions struct {
	next cryptoki.Extended
	most int           // 0: no limit
	idle time.Duration // 0: none
	full error

	mu      sync.Mutex
	used    map[pkcs11.SessionHandle]use
	opening int // calls of C_OpenSession that are under way
}

type use struct {
	slot uint
	last time.Time
}

// before refuses a session too many; one that has been idle too long is closed before the
// call finds it.
func (s *sessions) before(c *cryptoki.Call, now time.Time) error {
	s.mu.Lock()
	var late []pkcs11.SessionHandle
	for sh, u := range s.used {
		if s.idle > 0 && now.Sub(u.last) >= s.idle {
			late = append(late, sh)
			delete(s.used, sh)
		}
	}
	if u, open := s.used[c.Session]; open {
		s.used[c.Session] = use{u.slot, now}
	}
	full := c.Function == cryptoki.OpenSession && s.most > 0 && len(s.used)+s.opening >= s.most
	if c.Function == cryptoki.OpenSession && !full {
		s.opening++
	}
	s.mu.Unlock()
	for _, sh := range late {
		s.next.CloseSession(sh) // its own caller may have closed it meanwhile
	}
	if full {
		return s.full
	}
	return nil
}

func (s *sessions) after(c *cryptoki.Call, err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Function == cryptoki.OpenSession {
		s.opening--
	}
	if err != nil {
		return
	}
	switch c.Function {
	case cryptoki.OpenSession:
		s.used[c.Opened] = use{c.Slot, now}
	case cryptoki.CloseSession:
		delete(s.used, c.Session)
	case cryptoki.CloseAllSessions:
		for sh, u := range s.used {
			if u.slot == c.Slot {
				delete(s.used, sh)
			}
		}
	case cryptoki.Finalize:
		clear(s.used)
	}
}

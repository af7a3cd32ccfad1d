// Package fault makes a PKCS#11 module fail as real ones do: sessions and logins that are
// lost, errors of the device, answers that come late, never or wrong.
//
// Start at Load, or List, for a scenario, and New for the layer that plays it. What chance
// decides comes from a seed, so a failure can be played again.
package fault

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Options of a layer.
type Options struct {
	Seed uint64                                     // of what chance decides
	Now  func() time.Time                           // nil: the clock of the machine
	Wait func(d time.Duration, end <-chan struct{}) // nil: waits so long, or until end is closed
}

// Layer plays a scenario before a module, while it is armed.
type Layer struct {
	next  cryptoki.Extended
	seed  uint64
	now   func() time.Time
	wait  func(time.Duration, <-chan struct{})
	fired atomic.Int64
	play  atomic.Pointer[script] // nil: every call goes through
}

// script is a scenario at work.
type script struct {
	by  [256][]*rule  // by function
	end chan struct{} // closed when it is no longer played: calls that hang go on

	mu      sync.Mutex // guards what follows, and the rules' counts
	rules   []*rule
	chance  *rand.Rand
	last    time.Time
	outputs map[cryptoki.Function][]byte // that a rule gives again
	seen    []pkcs11.ObjectHandle        // keys of earlier calls, the newest last
}

// New gives a layer that plays s before next. It is armed, unless s is nil: then it waits
// for Play.
func New(next cryptoki.Module, s *Scenario, o Options) (*Layer, error) {
	l := &Layer{next: cryptoki.Extend(next), seed: o.Seed, now: o.Now, wait: o.Wait}
	if l.now == nil {
		l.now = time.Now
	}
	if l.wait == nil {
		l.wait = wait
	}
	if s == nil {
		return l, nil
	}
	return l, l.Play(s)
}

func wait(d time.Duration, end <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-end:
	}
}

// Play puts s in the place of what was played, and begins it from its start.
func (l *Layer) Play(s *Scenario) error {
	_, err := l.Hold(s, l.seed)
	return err
}

// Hold is Play with a seed of its own, for one of several who play. Its end ends s, and nothing
// that was put in the place of s since, and tells how many calls s has struck.
func (l *Layer) Hold(s *Scenario, seed uint64) (end func() int, err error) {
	p, err := begin(s, seed, l.now())
	if err != nil {
		return nil, err
	}
	l.put(p)
	return func() int {
		if l.play.CompareAndSwap(p, nil) {
			close(p.end)
		}
		return p.fired()
	}, nil
}

// begin makes a script from its start.
func begin(s *Scenario, seed uint64, now time.Time) (*script, error) {
	p := &script{end: make(chan struct{}), chance: rand.New(rand.NewPCG(seed, 0)), last: now, outputs: map[cryptoki.Function][]byte{}}
	named := map[string]*rule{}
	for i := range s.Rules {
		r, err := newRule(&s.Rules[i])
		if err != nil {
			return nil, err
		}
		r.after = named[r.When.After]
		named[r.Name] = r
		p.rules = append(p.rules, r)
	}
	for f := range p.by {
		name := ""
		if known := cryptoki.Function(f); known.Known() {
			name = known.String()
		}
		for _, r := range p.rules {
			if name != "" && (r.strikes(name) || r.When.Until == name || r.When.Idle > 0) {
				p.by[f] = append(p.by[f], r)
			}
		}
	}
	return p, nil
}

func (l *Layer) put(p *script) {
	if had := l.play.Swap(p); had != nil {
		close(had.end)
	}
}

// Module is what the program is to use.
func (l *Layer) Module() cryptoki.Extended { return cryptoki.Around(l.next, l.call) }

// Disarm lets every call through, and ends those that hang.
func (l *Layer) Disarm() { l.put(nil) }

// Fired tells how many calls have been struck, so that something was another.
func (l *Layer) Fired() int { return int(l.fired.Load()) }

// call is every call of the program.
func (l *Layer) call(c *cryptoki.Call) error {
	p := l.play.Load()
	if p == nil || len(p.by[c.Function]) == 0 {
		return c.Next()
	}
	r := p.judge(c, l.now())
	if r == nil {
		err := c.Next()
		p.note(c, err)
		return err
	}
	return l.strike(c, r, p)
}

// judge counts a call, and finds the rule that strikes it.
func (p *script) judge(c *cryptoki.Call, now time.Time) (struck *rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := now.Sub(p.last)
	p.last = now
	name := c.Function.String()
	for _, r := range p.by[c.Function] {
		if r.When.Until == name {
			r.over = r.fired > 0 || r.after != nil && r.after.fired > 0
		}
		if r.strikes(name) && r.due(c, idle, p.chance) && struck == nil {
			struck = r
		}
	}
	if struck != nil {
		struck.fired++
	}
	return struck
}

// fired tells how many calls the script has struck.
func (p *script) fired() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.rules {
		n += r.fired
	}
	return n
}

// note remembers the keys that a later fault may put in each other's place.
func (p *script) note(c *cryptoki.Call, err error) {
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Object != 0 && (len(p.seen) == 0 || p.seen[len(p.seen)-1] != c.Object) {
		p.seen = append(p.seen[max(0, len(p.seen)-8):], c.Object)
	}
}

// another is a key that the program has used, and not the one it asks for.
func (p *script) another(than pkcs11.ObjectHandle) pkcs11.ObjectHandle {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.seen) - 1; i >= 0; i-- {
		if p.seen[i] != than {
			return p.seen[i]
		}
	}
	return than
}

// Package fault makes a PKCS#11 module fail as real ones do: sessions and logins that are
// lost, errors of the device, answers that come late, never or wrong.
//
// Start at Load, or List, for a scenario, and New for the layer that plays it. What chance
// decides comes from a seed, so a failure can be played again.
package fault

import (
	"bytes"
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
	next cryptoki.Extended
	now  func() time.Time
	wait func(time.Duration, <-chan struct{})

	armed atomic.Bool
	by    [256][]*rule // by function
	fired atomic.Int64

	mu      sync.Mutex // guards what follows, and the rules' counts
	rules   []*rule
	chance  *rand.Rand
	last    time.Time
	end     chan struct{} // closed by Disarm
	outputs map[cryptoki.Function][]byte
	seen    []pkcs11.ObjectHandle // keys of earlier calls, the newest last
}

// New gives a layer that plays s before next. It is armed.
func New(next cryptoki.Module, s *Scenario, o Options) (*Layer, error) {
	l := &Layer{next: cryptoki.Extend(next), now: o.Now, wait: o.Wait,
		chance: rand.New(rand.NewPCG(o.Seed, 0)), outputs: map[cryptoki.Function][]byte{}}
	if l.now == nil {
		l.now = time.Now
	}
	if l.wait == nil {
		l.wait = wait
	}
	named := map[string]*rule{}
	for i := range s.Rules {
		r, err := newRule(&s.Rules[i])
		if err != nil {
			return nil, err
		}
		r.after = named[r.When.After]
		named[r.Name] = r
		l.rules = append(l.rules, r)
	}
	l.sort()
	l.Arm()
	return l, nil
}

func wait(d time.Duration, end <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-end:
	}
}

// sort puts each rule where the functions are that it waits for, or that end it.
func (l *Layer) sort() {
	for f := range l.by {
		name := ""
		if known := cryptoki.Function(f); known.Known() {
			name = known.String()
		}
		for _, r := range l.rules {
			if name != "" && (r.strikes(name) || r.When.Until == name || r.When.Idle > 0) {
				l.by[f] = append(l.by[f], r)
			}
		}
	}
}

// Module is what the program is to use.
func (l *Layer) Module() cryptoki.Extended { return cryptoki.Around(l.next, l.call) }

// Arm begins the scenario, from its start.
func (l *Layer) Arm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rules {
		r.counts = counts{}
	}
	l.end = make(chan struct{})
	l.last = l.now()
	l.armed.Store(true)
}

// Disarm lets every call through, and ends those that hang.
func (l *Layer) Disarm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.armed.Swap(false) {
		close(l.end)
	}
}

// Fired tells how many calls have been struck.
func (l *Layer) Fired() int { return int(l.fired.Load()) }

// call is every call of the program.
func (l *Layer) call(c *cryptoki.Call) error {
	rules := l.by[c.Function]
	if len(rules) == 0 || !l.armed.Load() {
		return c.Next()
	}
	r, end := l.judge(c, rules)
	if r == nil {
		err := c.Next()
		l.note(c, err)
		return err
	}
	l.fired.Add(1)
	return l.strike(c, r, end)
}

// judge counts a call, and finds the rule that strikes it.
func (l *Layer) judge(c *cryptoki.Call, rules []*rule) (struck *rule, end <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	idle := now.Sub(l.last)
	l.last = now
	name := c.Function.String()
	for _, r := range rules {
		if r.When.Until == name {
			r.over = r.fired > 0 || r.after != nil && r.after.fired > 0
		}
		if r.strikes(name) && r.due(c, idle, l.chance) && struck == nil {
			struck = r
		}
	}
	if struck != nil {
		struck.fired++
	}
	return struck, l.end
}

// note remembers what a later fault gives again.
func (l *Layer) note(c *cryptoki.Call, err error) {
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Object != 0 && (len(l.seen) == 0 || l.seen[len(l.seen)-1] != c.Object) {
		l.seen = append(l.seen[max(0, len(l.seen)-8):], c.Object)
	}
	if c.Function == cryptoki.GenerateRandom {
		l.outputs[c.Function] = bytes.Clone(c.Out)
	}
}

// another is a key that the program has used, and not the one it asks for.
func (l *Layer) another(than pkcs11.ObjectHandle) pkcs11.ObjectHandle {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.seen) - 1; i >= 0; i-- {
		if l.seen[i] != than {
			return l.seen[i]
		}
	}
	return than
}

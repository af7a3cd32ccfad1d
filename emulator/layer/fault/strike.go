package fault

import (
	"bytes"
	"slices"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// strike carries out the effect of r. It counts where something has changed: a bit of an answer
// that has none, or a key in the place of itself, would show nothing.
func (l *Layer) strike(c *cryptoki.Call, r *rule, p *script) error {
	l.fired.Add(1)
	changed, err := l.carryOut(c, r, p)
	if !changed {
		l.fired.Add(-1)
		p.missed(r)
	}
	return err
}

// missed takes back what judge has counted.
func (p *script) missed(r *rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.fired--
}

// carryOut tells whether the program meets anything that it would not have met. A delay counts
// where a rule does nothing else.
func (l *Layer) carryOut(c *cryptoki.Call, r *rule, p *script) (changed bool, err error) {
	e := &r.Then
	if e.Delay > 0 {
		l.wait(e.Delay, nil)
	}
	if e.Hang > 0 {
		l.wait(e.Hang, p.end)
	}
	changed = e.slow()
	taken, err := l.take(c, e)
	if err != nil {
		return taken, err
	}
	changed = changed || taken
	if e.AnotherHandle {
		asked := c.Object
		c.Object = p.another(asked)
		changed = changed || c.Object != asked
	}
	if r.code != nil && !e.Done {
		return true, r.code
	}
	if err := c.Next(); err != nil {
		return changed, err
	}
	spoilt := p.spoil(c, e)
	return changed || spoilt || r.code != nil, r.code
}

// slow tells whether an effect is a delay, and wrong in nothing.
func (e *Effect) slow() bool {
	return e.Delay+e.Hang > 0 && *e == Effect{Delay: e.Delay, Hang: e.Hang, Done: e.Done, Return: e.Return}
}

// take ends sessions or a login, in the module itself: what the program meets afterwards is
// the module's own doing.
func (l *Layer) take(c *cryptoki.Call, e *Effect) (taken bool, err error) {
	if e.Close == "" && !e.Logout || c.Session == 0 {
		return false, nil
	}
	info, err := l.next.GetSessionInfo(c.Session)
	if err != nil {
		return false, err // as the call itself would have ended
	}
	if e.Logout {
		if err := l.next.Logout(c.Session); err != nil {
			return true, err
		}
	}
	switch e.Close {
	case "session":
		err = l.next.CloseSession(c.Session)
	case "sessions":
		err = l.next.CloseAllSessions(info.SlotID)
	}
	return true, err
}

// spoil makes the answer of a call wrong, and tells whether it is.
func (p *script) spoil(c *cryptoki.Call, e *Effect) (spoilt bool) {
	if e.NoSlots {
		spoilt = len(c.Slots) > 0
		c.Slots = nil
	}
	if e.FlipBit && len(c.Out) > 0 {
		c.Out[len(c.Out)-1] ^= 1
		spoilt = true
	}
	return e.Repeat && p.repeat(c) || spoilt
}

// repeat gives the output of an earlier such call once more.
func (p *script) repeat(c *cryptoki.Call) (changed bool) {
	if len(c.Out) == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	had := p.outputs[c.Function]
	if len(had) == 0 {
		p.outputs[c.Function] = slices.Clone(c.Out)
		return false
	}
	fresh := slices.Clone(c.Out)
	for i := range c.Out {
		c.Out[i] = had[i%len(had)]
	}
	changed = !bytes.Equal(fresh, c.Out)
	clear(fresh)
	return changed
}

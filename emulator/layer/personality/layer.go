package personality

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Options of a layer.
type Options struct {
	Now   func() time.Time    // nil: the clock of the machine
	Wait  func(time.Duration) // nil: time.Sleep
	Rates bool                // the HSM is as slow as its rules say
}

// Layer is a module with a personality.
type Layer struct {
	next       cryptoki.Extended
	by         [256][]*compiled // by function
	plain      [256]bool        // functions that no rule is about and nothing is remembered of
	asks       [256]bool        // functions with a rule that asks for the mechanism
	mechanisms []*compiled      // those that change what mechanisms there are
	says       []*compiled
	now        func() time.Time
	wait       func(time.Duration)
	memory
}

// New puts p before next. What no rule is about is next's to judge.
func New(next cryptoki.Module, p *Personality, o Options) (cryptoki.Extended, error) {
	l := &Layer{next: cryptoki.Extend(next), now: o.Now, wait: o.Wait}
	if l.now == nil {
		l.now = time.Now
	}
	if l.wait == nil {
		l.wait = time.Sleep
	}
	for i := range p.Rules {
		c, err := p.compile(&p.Rules[i])
		if err != nil {
			return nil, fmt.Errorf("personality %s: rule %s: %w", p.Name, p.Rules[i].ID, err)
		}
		l.place(c, o)
	}
	if err := l.settle(); err != nil {
		return nil, fmt.Errorf("personality %s: %w", p.Name, err)
	}
	return cryptoki.Around(l.next, l.call), nil
}

// place puts a rule where it is looked for.
func (l *Layer) place(c *compiled, o Options) {
	for _, f := range c.functions {
		l.by[f] = append(l.by[f], c)
		l.remembering(c, f)
	}
	t := &c.Then
	if t.Absent || t.Sizes != nil || t.As != "" {
		l.mechanisms = append(l.mechanisms, c)
		for _, f := range starting {
			if len(c.functions) == 0 {
				l.by[f] = append(l.by[f], c)
			}
		}
	}
	if len(t.Says) > 0 {
		l.says = append(l.says, c)
	}
	if t.Limit != nil {
		l.limit(c, o)
	}
}

// call is every call of the program.
func (l *Layer) call(c *cryptoki.Call) error {
	if l.plain[c.Function] {
		return c.Next()
	}
	if l.sessions != nil {
		if err := l.sessions.before(c, l.now()); err != nil {
			return err
		}
	}
	rules, holding, asked := l.by[c.Function], set(0), uint(0)
	if l.asks[c.Function] {
		asked = l.mechanism(c)
	}
	for i, r := range rules {
		if !r.holds(l, c, asked) {
			continue
		}
		if r.refuses(l, c) {
			err := l.refusal(r, c)
			if l.sessions != nil {
				l.sessions.after(c, err, l.now())
			}
			return err
		}
		holding |= 1 << i
	}
	for i, r := range rules {
		if holding.has(i) {
			r.edit(c)
		}
	}
	err := l.deeds(rules, holding, c)
	if l.remembers {
		l.note(c, err)
	}
	if l.sessions != nil {
		l.sessions.after(c, err, l.now())
	}
	return l.after(rules, holding, c, err)
}

// set is a set of a function's rules, by their places: it takes no memory of its own.
type set uint64

// mostRules is how many rules may be about one function.
const mostRules = 64

func (s set) has(i int) bool { return s&(1<<i) != 0 }

// settle finds the functions that pass untouched.
func (l *Layer) settle() error {
	for f, rules := range l.by {
		if len(rules) > mostRules {
			return fmt.Errorf("%v: %d rules about one function, the most is %d", cryptoki.Function(f), len(rules), mostRules)
		}
		l.asks[f] = slices.ContainsFunc(rules, func(r *compiled) bool { return len(r.mechanisms) > 0 })
		described := slices.Contains(describing, cryptoki.Function(f))
		l.plain[f] = len(rules) == 0 && l.sessions == nil && !described && !(l.remembers && noted(cryptoki.Function(f)))
	}
	return nil
}

// describing are the functions whose answer is made of rules for others too.
var describing = []cryptoki.Function{cryptoki.GetMechanismList, cryptoki.GetMechanismInfo, cryptoki.GetInfo, cryptoki.GetSlotInfo, cryptoki.GetTokenInfo}

// refusal is r's, of a call whose session there is: that comes first (v2.40 §5.1.6).
func (l *Layer) refusal(r *compiled, c *cryptoki.Call) error {
	if c.Session != 0 {
		if _, err := l.next.GetSessionInfo(c.Session); err != nil {
			return err
		}
	}
	switch {
	case r.code != nil:
		return r.code
	case r.Then.Sizes != nil:
		return pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	return pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID) // it is absent
}

// deeds runs the deeds of rules around the call, the first outermost.
func (l *Layer) deeds(rules []*compiled, holding set, c *cryptoki.Call) error {
	for i, r := range rules {
		if holding.has(i) && r.deed.run != nil && slices.Contains(r.deed.functions, c.Function) {
			inner := holding &^ (1<<(i+1) - 1)
			return r.deed.run(l, r, c, func() error { return l.deeds(rules, inner, c) })
		}
	}
	return c.Next()
}

// after changes what the call has returned.
func (l *Layer) after(rules []*compiled, holding set, c *cryptoki.Call, err error) error {
	for i, r := range rules {
		if !holding.has(i) {
			continue
		}
		if len(r.errors) > 0 && r.code != nil && isOneOf(err, r.errors) {
			return r.code
		}
		if len(r.answer) > 0 && cryptoki.Partial(err) {
			r.say(c)
		}
	}
	switch c.Function {
	case cryptoki.GetMechanismList:
		l.list(c)
	case cryptoki.GetMechanismInfo:
		return l.info(c, err)
	case cryptoki.GetInfo, cryptoki.GetSlotInfo, cryptoki.GetTokenInfo:
		for _, r := range l.says {
			for field, text := range r.Then.Says {
				says[field](c, text)
			}
		}
	}
	return err
}

func isOneOf(err error, codes []uint) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && slices.Contains(codes, uint(code))
}

// refuses tells whether r ends a call that it is about before the module behind sees it.
func (r *compiled) refuses(l *Layer, c *cryptoki.Call) bool {
	switch {
	case r.Then.Absent:
		return true
	case r.Then.Sizes != nil:
		return !l.fits(r.Then.Sizes, c)
	}
	return r.code != nil && len(r.errors) == 0 && r.deed.run == nil && r.Then.Limit == nil
}

// edit changes what the call gives to the module behind.
func (r *compiled) edit(c *cryptoki.Call) {
	if len(r.defaults)+len(r.set)+len(r.drop) > 0 {
		t := r.template(c)
		*t = r.edited(*t)
	}
	if r.as != 0 && len(c.Mechanism) == 1 && c.Mechanism[0] != nil {
		m := *c.Mechanism[0]
		m.Mechanism = r.as
		c.Mechanism = []*pkcs11.Mechanism{&m}
	}
}

// edited is a template of its own: the caller keeps theirs.
func (r *compiled) edited(template []*pkcs11.Attribute) []*pkcs11.Attribute {
	out := make([]*pkcs11.Attribute, 0, len(template)+len(r.defaults)+len(r.set))
	for _, a := range template {
		if a != nil && (slices.Contains(r.drop, a.Type) || find(r.set, a.Type) != nil) {
			continue
		}
		out = append(out, a)
	}
	for _, a := range r.defaults {
		if find(out, a.Type) == nil {
			out = append(out, a)
		}
	}
	return append(out, r.set...)
}

// say changes attributes that were read, in both forms of the answer.
func (r *compiled) say(c *cryptoki.Call) {
	for _, said := range r.answer {
		if a := find(c.Attributes, said.Type); a != nil {
			a.Value = slices.Clone(said.Value)
		}
		for i := range c.Values {
			if v := &c.Values[i]; v.Type == said.Type && !v.Unavailable {
				v.Value = slices.Clone(said.Value)
			}
		}
	}
}

func find(template []*pkcs11.Attribute, typ uint) *pkcs11.Attribute {
	for _, a := range template {
		if a != nil && a.Type == typ {
			return a
		}
	}
	return nil
}

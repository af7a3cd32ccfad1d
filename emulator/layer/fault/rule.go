package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// rule is a Rule at work.
type rule struct {
	*Rule
	mechanisms []uint
	code       error // nil: none
	after      *rule
	counts
}

// counts are what a rule has seen since it was armed.
type counts struct {
	calls int
	fired int
	over  bool
}

// newRule checks a rule and looks its names up.
func newRule(r *Rule) (*rule, error) {
	out := &rule{Rule: r}
	for _, name := range append(slices.Clone(r.When.Function), r.When.Until) {
		if _, ok := cryptoki.FunctionNamed(name); !ok && name != "" {
			return nil, fmt.Errorf("%q is no function of PKCS#11", name)
		}
	}
	for _, m := range r.When.Mechanism {
		code, err := mechanismCode(m)
		if err != nil {
			return nil, err
		}
		out.mechanisms = append(out.mechanisms, code)
	}
	if r.Then.Return != "" {
		code, err := returnCode(r.Then.Return)
		if err != nil {
			return nil, err
		}
		if code != pkcs11.CKR_OK {
			out.code = pkcs11.Error(code)
		}
	}
	return out, errors.Join(r.When.check(), r.Then.check(out.code))
}

func (t *Trigger) check() error {
	if t.Nth < 0 || t.Every < 0 || t.Times < 0 || t.Chance < 0 || t.Chance > 1 || t.Idle < 0 {
		return errors.New("when: counts and times are not negative, a chance is 0 to 1")
	}
	return nil
}

const longest = time.Hour // of a delay

func (e *Effect) check(code error) error {
	other := *e
	other.Return, other.Done = "", false
	switch {
	case *e == Effect{}:
		return errors.New("then: nothing happens")
	case other == Effect{} && e.Return != "" && code == nil:
		return errors.New("then: nothing happens where the return value is CKR_OK and nothing else")
	case !slices.Contains([]string{"", "session", "sessions"}, e.Close):
		return fmt.Errorf("then: close is session or sessions, not %q", e.Close)
	case e.Delay < 0 || e.Delay > longest || e.Hang < 0 || e.Hang > longest:
		return fmt.Errorf("then: a delay is 0 to %s", longest)
	case e.Done && e.Return == "":
		return errors.New("then: done without return: the answer would not be lost")
	}
	return nil
}

// strikes tells whether the rule is about a function.
func (r *rule) strikes(function string) bool {
	return len(r.When.Function) == 0 || slices.Contains(r.When.Function, function)
}

// due counts a call that the rule is about, and tells whether it is struck.
func (r *rule) due(c *cryptoki.Call, idle time.Duration, chance *rand.Rand) bool {
	w := &r.When
	switch {
	case r.over, w.After != "" && r.after.fired == 0, w.Times > 0 && r.fired >= w.Times:
		return false
	case len(r.mechanisms) > 0 && !r.names(c.Mechanism):
		return false
	}
	r.calls++
	return (w.Nth == 0 || r.calls == w.Nth) && (w.Every == 0 || r.calls%w.Every == 0) &&
		(w.Idle == 0 || idle >= w.Idle) && (w.Chance == 0 || chance.Float64() < w.Chance)
}

// names tells whether a call's mechanism is one that the rule names.
func (r *rule) names(m []*pkcs11.Mechanism) bool {
	return len(m) == 1 && m[0] != nil && slices.Contains(r.mechanisms, m[0].Mechanism)
}

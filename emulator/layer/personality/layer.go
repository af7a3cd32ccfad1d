package personality

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// compiled is a Rule with its names looked up.
type compiled struct {
	functions               []cryptoki.Function
	mechanisms              []uint
	class                   *uint
	missing, present, falsy *uint
	code                    error
}

var classes = map[string]uint{
	"secret": pkcs11.CKO_SECRET_KEY, "private": pkcs11.CKO_PRIVATE_KEY, "public": pkcs11.CKO_PUBLIC_KEY,
}

func compile(r *Rule) (*compiled, error) {
	if r.ID == "" || r.Text == "" || r.Source == "" || len(r.Functions) == 0 {
		return nil, errors.New("wants id, text, source and functions")
	}
	if !slices.Contains([]string{"measured", "documented", "inferred"}, r.Confidence) {
		return nil, fmt.Errorf("confidence %q: measured, documented or inferred", r.Confidence)
	}
	c := new(compiled)
	for _, name := range r.Functions {
		f, ok := cryptoki.FunctionNamed(name)
		if !ok {
			return nil, fmt.Errorf("no function %q", name)
		}
		c.functions = append(c.functions, f)
	}
	for _, name := range r.Mechanisms {
		m, ok := cryptoki.MechanismNamed(name)
		if !ok {
			return nil, fmt.Errorf("no mechanism %q", name)
		}
		c.mechanisms = append(c.mechanisms, m)
	}
	if r.Class != "" {
		n, ok := classes[r.Class]
		if !ok {
			return nil, fmt.Errorf("class %q: secret, private or public", r.Class)
		}
		c.class = &n
	}
	for name, to := range map[*string]**uint{&r.Missing: &c.missing, &r.Present: &c.present, &r.False: &c.falsy} {
		if *name == "" {
			continue
		}
		n, ok := cryptoki.AttributeNamed(*name)
		if !ok {
			return nil, fmt.Errorf("no attribute %q", *name)
		}
		*to = &n
	}
	code, ok := cryptoki.ReturnNamed(r.Return)
	if !ok || code == pkcs11.CKR_OK {
		return nil, fmt.Errorf("no refusal %q", r.Return)
	}
	c.code = pkcs11.Error(code)
	return c, nil
}

// New puts p before next. What no rule refuses is next's to judge.
func New(next cryptoki.Module, p *Personality) (cryptoki.Extended, error) {
	var by [256][]*compiled // by function
	for i := range p.Rules {
		c, err := compile(&p.Rules[i])
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", p.Rules[i].ID, err)
		}
		for _, f := range c.functions {
			by[f] = append(by[f], c)
		}
	}
	return cryptoki.Around(next, func(c *cryptoki.Call) error {
		for _, r := range by[c.Function] {
			if r.holds(c) {
				return r.code
			}
		}
		if c.Function == cryptoki.GetMechanismList {
			return offered(c, by[cryptoki.GetMechanismInfo])
		}
		return c.Next()
	}), nil
}

// offered lists the mechanisms that C_GetMechanismInfo knows.
func offered(c *cryptoki.Call, refused []*compiled) error {
	err := c.Next()
	c.Mechanisms = slices.DeleteFunc(c.Mechanisms, func(m *pkcs11.Mechanism) bool {
		return slices.ContainsFunc(refused, func(r *compiled) bool { return slices.Contains(r.mechanisms, m.Mechanism) })
	})
	return err
}

func (r *compiled) holds(c *cryptoki.Call) bool {
	if len(r.mechanisms) > 0 && (len(c.Mechanism) == 0 || !slices.Contains(r.mechanisms, c.Mechanism[0].Mechanism)) {
		return false
	}
	if r.class != nil && !is(value(c.Template, pkcs11.CKA_CLASS), *r.class) {
		return false
	}
	if r.missing != nil && value(c.Template, *r.missing) != nil {
		return false
	}
	if r.present != nil && value(c.Template, *r.present) == nil {
		return false
	}
	if r.falsy != nil {
		a := value(c.Template, *r.falsy)
		return a != nil && len(a.Value) == 1 && a.Value[0] == 0
	}
	return true
}

func value(template []*pkcs11.Attribute, typ uint) *pkcs11.Attribute {
	for _, a := range template {
		if a.Type == typ {
			return a
		}
	}
	return nil
}

// is tells whether a holds the CK_ULONG n.
func is(a *pkcs11.Attribute, n uint) bool {
	return a != nil && len(a.Value) == 8 && binary.NativeEndian.Uint64(a.Value) == uint64(n)
}

package personality

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// compiled is a Rule with its names looked up.
type compiled struct {
	*Rule
	functions  []cryptoki.Function
	mechanisms []uint
	class      *uint       // of the template
	attributes []condition // of the template
	only       []uint
	key        keyCondition
	given      func(*Layer, *cryptoki.Call) bool
	errors     []uint

	code     error // nil: none
	defaults []*pkcs11.Attribute
	set      []*pkcs11.Attribute
	drop     []uint
	as       uint
	answer   []*pkcs11.Attribute
	idle     time.Duration
	deed     deed
}

// condition is about one attribute of a template.
type condition struct {
	typ   uint
	holds func(*pkcs11.Attribute) bool // nil for one that is not there
}

type keyCondition struct {
	class, typ, isFalse *uint
	madeBy              *cryptoki.Function
}

var classes = map[string]uint{
	"secret": pkcs11.CKO_SECRET_KEY, "private": pkcs11.CKO_PRIVATE_KEY, "public": pkcs11.CKO_PUBLIC_KEY,
}

var keyTypes = map[string]uint{
	"aes": pkcs11.CKK_AES, "rsa": pkcs11.CKK_RSA, "generic": pkcs11.CKK_GENERIC_SECRET, "des3": pkcs11.CKK_DES3, "ec": pkcs11.CKK_EC,
}

func (p *Personality) compile(r *Rule) (*compiled, error) {
	if r.ID == "" || r.Text == "" || r.Source == "" || (r.Probe == "") != (r.Observed == "") {
		return nil, errors.New("wants id, text and source, and both or none of probe and observed")
	}
	if !slices.Contains([]string{"measured", "documented", "inferred"}, r.Confidence) {
		return nil, fmt.Errorf("confidence %q: measured, documented or inferred", r.Confidence)
	}
	c := &compiled{Rule: r}
	if err := p.compileWhen(c); err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	if err := p.compileThen(c); err != nil {
		return nil, fmt.Errorf("then: %w", err)
	}
	return c, c.whole()
}

func (p *Personality) compileWhen(c *compiled) (err error) {
	w := &c.When
	for _, name := range w.Function {
		f, ok := cryptoki.FunctionNamed(name)
		if !ok {
			return fmt.Errorf("no function %q", name)
		}
		c.functions = append(c.functions, f)
		if f == cryptoki.GetAttributeValue {
			c.functions = append(c.functions, cryptoki.AttributeValues) // its other form
		}
	}
	if c.mechanisms, err = p.numbered(w.Mechanism, cryptoki.MechanismNamed); err != nil {
		return err
	}
	if c.errors, err = p.numbered(w.Error, cryptoki.ReturnNamed); err != nil {
		return err
	}
	if c.only, err = p.numbered(w.Only, cryptoki.AttributeNamed); err != nil {
		return err
	}
	if c.class, err = word(classes, w.Class); err != nil {
		return err
	}
	for _, row := range []struct {
		name  string
		holds func(*pkcs11.Attribute) bool
	}{{w.Missing, nil}, {w.Present, isThere}, {w.False, isFalse}, {w.True, isTrue}} {
		if row.name == "" {
			continue
		}
		typ, err := p.numberOf(row.name, cryptoki.AttributeNamed)
		if err != nil {
			return err
		}
		c.attributes = append(c.attributes, condition{typ, row.holds})
	}
	if w.Given != "" {
		if c.given = givens[w.Given]; c.given == nil {
			return fmt.Errorf("given: no word %q", w.Given)
		}
	}
	return p.compileKey(c)
}

func (p *Personality) compileKey(c *compiled) (err error) {
	k := &c.When.Key
	if c.key.class, err = word(classes, k.Class); err != nil {
		return err
	}
	if c.key.typ, err = word(keyTypes, k.Type); err != nil {
		return err
	}
	if k.False != "" {
		typ, err := p.numberOf(k.False, cryptoki.AttributeNamed)
		if err != nil {
			return err
		}
		c.key.isFalse = &typ
	}
	if k.MadeBy != "" {
		f, ok := cryptoki.FunctionNamed(k.MadeBy)
		if !ok {
			return fmt.Errorf("no function %q", k.MadeBy)
		}
		c.key.madeBy = &f
	}
	return nil
}

func (p *Personality) compileThen(c *compiled) (err error) {
	t := &c.Then
	if t.Return != "" {
		code, err := p.numberOf(t.Return, cryptoki.ReturnNamed)
		if err != nil {
			return err
		}
		if code != pkcs11.CKR_OK {
			c.code = pkcs11.Error(code)
		}
	}
	for _, row := range []struct {
		from map[string]any
		to   *[]*pkcs11.Attribute
	}{{t.Default, &c.defaults}, {t.Set, &c.set}, {t.Answer, &c.answer}} {
		if *row.to, err = p.attributes(row.from); err != nil {
			return err
		}
	}
	if c.drop, err = p.numbered(t.Drop, cryptoki.AttributeNamed); err != nil {
		return err
	}
	if t.As != "" {
		if c.as, err = p.numberOf(t.As, cryptoki.MechanismNamed); err != nil {
			return err
		}
	}
	for _, w := range t.Permit {
		if !slices.Contains(token.Permits, w) {
			return fmt.Errorf("permit: no word %q", w)
		}
	}
	for field := range t.Says {
		if says[field] == nil {
			return fmt.Errorf("says: no field %q", field)
		}
	}
	if t.Limit != nil && t.Limit.Idle != "" {
		if c.idle, err = time.ParseDuration(t.Limit.Idle); err != nil || c.idle <= 0 {
			return fmt.Errorf("limit: idle is a duration such as 30s")
		}
	}
	if t.Do != "" {
		if c.deed = deeds[t.Do]; c.deed.functions == nil {
			return fmt.Errorf("do: no word %q", t.Do)
		}
		c.functions = append(c.functions, c.deed.functions...)
	}
	return nil
}

// whole wants a rule that does something, to calls that there are.
func (c *compiled) whole() error {
	t := &c.Then
	calls := t.Return != "" || len(c.defaults)+len(c.set)+len(c.drop)+len(c.answer) > 0
	mechanism := t.Absent || t.Sizes != nil || t.As != ""
	switch {
	case !calls && !mechanism && len(t.Says) == 0 && t.Limit == nil && t.Do == "" && len(t.Permit) == 0:
		return errors.New("then: nothing happens")
	case calls && len(c.functions) == 0 && t.Limit == nil:
		return errors.New("when: which function?")
	case mechanism && len(c.mechanisms) == 0, t.As != "" && len(c.mechanisms) != 1:
		return errors.New("when: which mechanism?")
	case len(c.errors) > 0 && t.Return == "":
		return errors.New("then: which return value in the place of that error?")
	}
	return nil
}

// numberOf finds a number by its standard or vendor name, or reads it.
func (p *Personality) numberOf(name string, standard func(string) (uint, bool)) (uint, error) {
	if n, ok := standard(name); ok {
		return n, nil
	}
	if n, ok := p.Numbers[name]; ok {
		return n, nil
	}
	if n, err := strconv.ParseUint(name, 0, 32); err == nil {
		return uint(n), nil
	}
	return 0, fmt.Errorf("no name %q", name)
}

func (p *Personality) numbered(list []string, standard func(string) (uint, bool)) ([]uint, error) {
	var out []uint
	for _, name := range list {
		n, err := p.numberOf(name, standard)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// attributes encodes values: a boolean, a CK_ULONG, or "" for an empty one.
func (p *Personality) attributes(values map[string]any) ([]*pkcs11.Attribute, error) {
	var out []*pkcs11.Attribute
	for name, v := range values {
		typ, err := p.numberOf(name, cryptoki.AttributeNamed)
		if err != nil {
			return nil, err
		}
		a := &pkcs11.Attribute{Type: typ, Value: []byte{}}
		switch v := v.(type) {
		case bool:
			a.Value = []byte{0}
			if v {
				a.Value[0] = 1
			}
		case int:
			a.Value = binary.NativeEndian.AppendUint64(nil, uint64(v))
		default:
			if v != "" {
				return nil, fmt.Errorf("%s is true, false, a number or empty", name)
			}
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *pkcs11.Attribute) int { return int(a.Type) - int(b.Type) })
	return out, nil
}

func word(words map[string]uint, w string) (*uint, error) {
	if w == "" {
		return nil, nil
	}
	n, ok := words[w]
	if !ok {
		return nil, fmt.Errorf("no word %q", w)
	}
	return &n, nil
}

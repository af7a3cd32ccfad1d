package token

import (
	"bytes"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/mechanism"
)

// draft is an object in the making, with what its template said beside the
// attributes that an object has.
type draft struct {
	object
	named    flags // booleans that the template names
	seen     rowSet
	value    []byte // CKA_VALUE
	point    []byte // CKA_EC_POINT, without the OCTET STRING around it
	curve    *mechanism.Curve
	length   int // CKA_VALUE_LEN, or none
	bits     int // CKA_MODULUS_BITS
	parts    mechanism.RSA
	expected []attribute // to be compared with what the finished object has
}

const (
	none     = -1
	anyClass = ^uint(0)
)

// newDraft reads a template for an object that comes into being by way of from.
// Class and key type are those that the call implies; anyClass leaves them to
// the template, which then must name them.
func newDraft(from origin, class, keyType uint, template []*pkcs11.Attribute) (*draft, error) {
	d := drafts.Get().(*draft)
	d.length = none
	d.class, d.keyType = class, keyType
	if err := d.identify(template); err != nil {
		return nil, err
	}
	d.flags = defaults(d.kind())
	if from == unwrapped {
		d.flags |= fExtractable // PKCS #11 v2.40, C_UnwrapKey
	}
	for _, a := range template {
		if err := d.take(from, a); err != nil {
			return nil, err
		}
	}
	if d.is(fAlwaysAuthenticate) && !d.is(fPrivate) {
		return nil, rv(pkcs11.CKR_TEMPLATE_INCONSISTENT) // PKCS #11 v2.40 §4.9
	}
	return d, nil
}

// drafts are kept for the next object: most objects live shorter than it takes to
// collect their drafts.
var drafts = sync.Pool{New: func() any { return new(draft) }}

// release gives a draft back once the object is finished.
func (d *draft) release() {
	*d = draft{}
	drafts.Put(d)
}

// identify settles class and key type, on which the other attributes depend.
func (d *draft) identify(template []*pkcs11.Attribute) error {
	for _, a := range template {
		var has *uint
		switch {
		case a == nil:
			return rv(pkcs11.CKR_ARGUMENTS_BAD)
		case a.Type == pkcs11.CKA_CLASS:
			has = &d.class
		case a.Type == pkcs11.CKA_KEY_TYPE:
			has = &d.keyType
		default:
			continue
		}
		if len(a.Value) != ulong {
			return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		if want := ulongOf(a.Value); *has == anyClass {
			*has = want
		} else if *has != want {
			return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
		}
	}
	return d.identified()
}

func (d *draft) identified() error {
	if d.class == anyClass {
		return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	switch class := d.kind(); {
	case class == 0:
		return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	case class&keys == 0:
		d.keyType = 0
		return nil
	case d.keyType == anyClass:
		return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	case class == secret:
		if _, ok := mechanism.SecretLength(d.keyType, 0); !ok {
			return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
	case typeOf(class, d.keyType) == 0:
		return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	return nil
}

// take puts one attribute of the template in its place.
func (d *draft) take(from origin, a *pkcs11.Attribute) error {
	r, i, ok := d.rule(a.Type)
	switch {
	case !ok:
		return rv(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
	case r.given&from == 0:
		return rv(pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	case !r.kind.fits(a.Value):
		return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	case !d.seen.add(i):
		return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return d.put(r, a.Value)
}

func (d *draft) put(r *rule, v []byte) error {
	switch {
	case r.flag != 0:
		d.named |= r.flag
		d.flags &^= r.flag
		if v[0] == 1 {
			d.flags |= r.flag
		}
	case r.kind == nestedTemplate:
		return d.setTemplate(r.typ, v)
	case r.set != nil:
		return r.set(d, v)
	default:
		d.keep(r.typ, v)
	}
	return nil
}

// keep stores a value as given. The slice is made anew: an older state of the
// object may share it.
func (o *object) keep(typ uint, v []byte) {
	extra := make([]attribute, 0, len(o.extra)+1)
	for _, a := range o.extra {
		if a.typ != typ {
			extra = append(extra, a)
		}
	}
	o.extra = append(extra, attribute{typ, bytes.Clone(v)})
}

func accept(*draft, []byte) error { return nil }

// expect has a big number compared with the finished object's.
func expect(typ uint) func(d *draft, v []byte) error {
	return func(d *draft, v []byte) error {
		d.expected = append(d.expected, attribute{typ, bytes.TrimLeft(v, "\x00")})
		return nil
	}
}

// setValue makes an empty value different from none.
func setValue(d *draft, v []byte) error  { d.value = append([]byte{}, v...); return nil }
func setLength(d *draft, v []byte) error { return setInt(&d.length, v) }

func setModulusBits(d *draft, v []byte) error {
	if ulongOf(v) > maxText {
		return rv(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	return setInt(&d.bits, v)
}

func setInt(to *int, v []byte) error {
	n := ulongOf(v)
	if n == 0 || n > maxText {
		return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	*to = int(n)
	return nil
}

// setCheckValue: three bytes are compared, an empty value means that the key
// shall have none, from now on and in every copy (PKCS #11 v2.40 §4.10.2).
func setCheckValue(d *draft, v []byte) error {
	if len(v) == 0 {
		d.flags |= fNoCheckValue
		return nil
	}
	d.expected = append(d.expected, attribute{pkcs11.CKA_CHECK_VALUE, v})
	return nil
}

func setModulus(d *draft, v []byte) error  { d.parts.N = bytes.Clone(v); return nil }
func setExponent(d *draft, v []byte) error { d.parts.E = bytes.Clone(v); return nil }
func setD(d *draft, v []byte) error        { d.parts.D = bytes.Clone(v); return nil }
func setP(d *draft, v []byte) error        { d.parts.P = bytes.Clone(v); return nil }
func setQ(d *draft, v []byte) error        { d.parts.Q = bytes.Clone(v); return nil }

func setAllowed(d *draft, v []byte) error {
	allowed := make([]uint, 0, len(v)/ulong)
	for ; len(v) > 0; v = v[ulong:] {
		allowed = append(allowed, ulongOf(v))
	}
	d.policies().allowed = allowed
	return nil
}

// setTemplate reads a template inside the template.
func (d *draft) setTemplate(typ uint, v []byte) error {
	t, err := readNested(v)
	if err != nil {
		return err
	}
	p := d.policies()
	switch typ {
	case pkcs11.CKA_WRAP_TEMPLATE:
		p.wrap = t
	case pkcs11.CKA_UNWRAP_TEMPLATE:
		p.unwrap = t
	case pkcs11.CKA_DERIVE_TEMPLATE:
		p.derive = t
	}
	return nil
}

func (d *draft) policies() *policy {
	if d.policy == nil {
		d.policy = new(policy)
	}
	return d.policy
}

// readNested reads a template inside a template. Its attributes are those that
// some key class has; it holds no template itself.
func readNested(v []byte) ([]attribute, error) {
	nested, err := cryptoki.NestedTemplate(v)
	if err != nil {
		return nil, err
	}
	out := make([]attribute, 0, len(nested))
	for _, a := range nested {
		if !nestable(a) || slices.ContainsFunc(out, func(b attribute) bool { return b.typ == a.Type }) {
			return nil, rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		out = append(out, attribute{a.Type, a.Value})
	}
	return out, nil
}

func nestable(a *pkcs11.Attribute) bool {
	return slices.ContainsFunc(rules, func(r rule) bool {
		return r.typ == a.Type && r.classes&keys != 0 && r.kind != nestedTemplate && !r.secret && r.kind.fits(a.Value)
	})
}

// finish settles what follows from the rest, once the key is there.
func (d *draft) finish() (*object, error) {
	if err := d.conflict(); err != nil {
		return nil, err
	}
	for _, e := range d.expected {
		r, _, _ := d.rule(e.typ)
		if !bytes.Equal(r.get(&d.object), e.value) {
			return nil, rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
	}
	o := d.object
	return &o, nil
}

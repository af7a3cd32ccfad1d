package personality

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// holds tells whether a rule is about a call, whose mechanism is asked.
func (r *compiled) holds(l *Layer, c *cryptoki.Call, asked uint) bool {
	if len(r.mechanisms) > 0 && !slices.Contains(r.mechanisms, asked) {
		return false
	}
	if r.class != nil && !r.classHolds(c) {
		return false
	}
	template := *r.template(c)
	for _, cond := range r.attributes {
		a := find(template, cond.typ)
		if (cond.holds == nil) != (a == nil) || a != nil && !cond.holds(a) {
			return false
		}
	}
	if len(r.only) > 0 && !slices.ContainsFunc(template, func(a *pkcs11.Attribute) bool {
		return a != nil && !slices.Contains(r.only, a.Type)
	}) {
		return false
	}
	if r.given != nil && !r.given(l, c) {
		return false
	}
	return r.When.Key == (Key{}) || r.keyHolds(l, c)
}

// template is the one that a rule is about: of a pair, the half of its class.
func (r *compiled) template(c *cryptoki.Call) *[]*pkcs11.Attribute {
	if c.Function == cryptoki.GenerateKeyPair && r.class != nil && *r.class == pkcs11.CKO_PRIVATE_KEY {
		return &c.Template2
	}
	return &c.Template
}

// classHolds looks at the class that the call makes, where the template need not say it.
func (r *compiled) classHolds(c *cryptoki.Call) bool {
	switch c.Function {
	case cryptoki.GenerateKey:
		return *r.class == pkcs11.CKO_SECRET_KEY
	case cryptoki.GenerateKeyPair:
		return *r.class == pkcs11.CKO_PUBLIC_KEY || *r.class == pkcs11.CKO_PRIVATE_KEY
	}
	return is(find(c.Template, pkcs11.CKA_CLASS), *r.class)
}

// mechanism of a call, or of the operation that it goes on with.
func (l *Layer) mechanism(c *cryptoki.Call) uint {
	if len(c.Mechanism) == 1 && c.Mechanism[0] != nil {
		return c.Mechanism[0].Mechanism
	}
	return l.running(c)
}

func isThere(*pkcs11.Attribute) bool { return true }

func isFalse(a *pkcs11.Attribute) bool { return len(a.Value) == 1 && a.Value[0] == 0 }
func isTrue(a *pkcs11.Attribute) bool  { return len(a.Value) == 1 && a.Value[0] == 1 }

// is tells whether a holds the CK_ULONG n.
func is(a *pkcs11.Attribute, n uint) bool {
	return a != nil && len(a.Value) == 8 && binary.NativeEndian.Uint64(a.Value) == uint64(n)
}

// keyHolds asks the module behind about the key.
func (r *compiled) keyHolds(l *Layer, c *cryptoki.Call) bool {
	key := c.Object
	if c.Object2 != 0 {
		key = c.Object2
	}
	k := &r.key
	if k.madeBy != nil && l.maker(key) != *k.madeBy {
		return false
	}
	for _, row := range []struct {
		typ  uint
		want *uint
	}{{pkcs11.CKA_CLASS, k.class}, {pkcs11.CKA_KEY_TYPE, k.typ}} {
		if row.want != nil && !is(l.attribute(c.Session, key, row.typ), *row.want) {
			return false
		}
	}
	if k.isFalse != nil {
		if a := l.attribute(c.Session, key, *k.isFalse); a == nil || !isFalse(a) {
			return false
		}
	}
	if r.When.Key.Shorter == 0 {
		return true
	}
	n := l.length(c.Session, key)
	return n != 0 && n < r.When.Key.Shorter
}

// attribute of a key, or nil.
func (l *Layer) attribute(sh pkcs11.SessionHandle, key pkcs11.ObjectHandle, typ uint) *pkcs11.Attribute {
	got, err := l.next.GetAttributeValue(sh, key, []*pkcs11.Attribute{{Type: typ}})
	if err != nil || len(got) != 1 {
		return nil
	}
	return got[0]
}

// length of a secret key, or of a modulus, in bytes; 0 where it cannot be had.
func (l *Layer) length(sh pkcs11.SessionHandle, key pkcs11.ObjectHandle) uint {
	if a := l.attribute(sh, key, pkcs11.CKA_VALUE_LEN); a != nil && len(a.Value) == 8 {
		return uint(binary.NativeEndian.Uint64(a.Value))
	}
	if a := l.attribute(sh, key, pkcs11.CKA_MODULUS); a != nil {
		return uint(len(a.Value))
	}
	return 0
}

// givens are the words of When.Given.
var givens = map[string]func(*Layer, *cryptoki.Call) bool{
	// An IV of GCM that is not all zero.
	"iv": func(_ *Layer, c *cryptoki.Call) bool { g, ok := gcm(c); return ok && !zero(g.IV) },
	// OAEP with another digest than SHA-1.
	"oaep-sha2": func(_ *Layer, c *cryptoki.Call) bool {
		o, err := oaep(c)
		return err == nil && o.Hash != pkcs11.CKM_SHA_1
	},
	"oaep-label": func(_ *Layer, c *cryptoki.Call) bool { o, err := oaep(c); return err == nil && len(o.Label) > 0 },
	// Data that is there, and all zero.
	"zero-data": func(_ *Layer, c *cryptoki.Call) bool { return len(c.In) > 0 && zero(c.In) },
}

func gcm(c *cryptoki.Call) (cryptoki.GCM, bool) {
	if len(c.Mechanism) != 1 || c.Mechanism[0] == nil || c.Mechanism[0].Mechanism != pkcs11.CKM_AES_GCM {
		return cryptoki.GCM{}, false
	}
	g, err := cryptoki.GCMGiven(c.Mechanism[0])
	return g, err == nil
}

func oaep(c *cryptoki.Call) (cryptoki.OAEP, error) {
	if len(c.Mechanism) != 1 || c.Mechanism[0] == nil {
		return cryptoki.OAEP{}, pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD)
	}
	return cryptoki.OAEPParameter(c.Mechanism[0])
}

func zero(b []byte) bool {
	return !slices.ContainsFunc(b, func(x byte) bool { return x != 0 })
}

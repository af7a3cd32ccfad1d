package token

import (
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// DeriveKey is C_DeriveKey: the new key takes the leading CKA_VALUE_LEN bytes
// of what the mechanism makes, or what mechanism.Spec.Sized ones make as a whole.
func (t *Token) DeriveKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, baseKey pkcs11.ObjectHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	s, err := t.enter(sh)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	login := s.slot.logins.Load()
	spec, base, err := s.use(m, baseKey, mechanism.Derive, fDerive)
	if err != nil {
		return 0, err
	}
	if base.policy != nil {
		if a, err = under(base.policy.derive, a); err != nil {
			return 0, err
		}
	}
	from := s.deriveSecret
	if spec.Data() {
		from = s.deriveData
	}
	d, base, err := from(spec, base, m[0], a)
	if err != nil {
		return 0, err
	}
	return s.complete(d, derived, 0, base, login)
}

// deriveSecret makes the draft of a key, and gives the base key that it must answer to.
func (s *session) deriveSecret(spec *mechanism.Spec, base *object, m *pkcs11.Mechanism, a []*pkcs11.Attribute) (*draft, *object, error) {
	d, err := newDraft(derived, pkcs11.CKO_SECRET_KEY, anyClass, a)
	if err != nil {
		return nil, nil, err
	}
	if err := s.may(d); err != nil {
		return nil, nil, err
	}
	if err := d.hasLength(spec); err != nil {
		return nil, nil, err
	}
	run := derivation{s: s, spec: spec, base: base}
	value, err := run.derive(m, d.length)
	if err != nil {
		return nil, nil, err
	}
	if spec.Tells() {
		if err := d.confined(run.base, len(value)); err != nil {
			clear(value)
			return nil, nil, err
		}
		for _, b := range append(run.others, base) { // one of them may be the new key
			if err := s.slot.note(b); err != nil {
				clear(value)
				return nil, nil, err
			}
		}
	}
	if d.length == 0 {
		d.length = len(value)
	}
	if d.length > len(value) {
		clear(value)
		return nil, nil, rv(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	mechanism.SetParity(d.keyType, value[:d.length])
	// A full slice expression: nobody appends into the bytes that are not key.
	d.key, err = d.secret(value[:d.length:d.length], rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID))
	return d, run.base, err
}

// derivation runs a mechanism from a base key and those that its parameter names.
type derivation struct {
	s      *session
	spec   *mechanism.Spec
	base   *object   // all of them, as one
	others []*object // all but the first
}

// derive gives what the mechanism makes; run.base is then what the child must answer to.
func (run *derivation) derive(m *pkcs11.Mechanism, length int) ([]byte, error) {
	return run.spec.Derive(run.base.key, m, mechanism.Derivation{Length: length, Key: run.key})
}

func (run *derivation) key(handle uint) (*mechanism.Key, error) {
	other, err := run.s.beside(handle, run.spec)
	if err != nil {
		return nil, err
	}
	run.base, run.others = run.base.mixed(other), append(run.others, other)
	return other.key, nil
}

// deriveData makes the draft of a data object, which anybody reads who sees it: a key that
// is sensitive gives none (PKCS #11 v3.0 §2.43.5 leaves to the token what it refuses). The
// length stands in the template as it would for a key, though no such object has one.
func (s *session) deriveData(spec *mechanism.Spec, base *object, m *pkcs11.Mechanism, a []*pkcs11.Attribute) (*draft, *object, error) {
	isLength := func(a *pkcs11.Attribute) bool { return a != nil && a.Type == pkcs11.CKA_VALUE_LEN }
	length := 0
	if i := slices.IndexFunc(a, isLength); i >= 0 {
		if !number.fits(a[i].Value) {
			return nil, nil, rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		if err := setInt(&length, a[i].Value); err != nil {
			return nil, nil, err
		}
		a = slices.Delete(slices.Clone(a), i, i+1)
	}
	d, err := newDraft(derived, pkcs11.CKO_DATA, anyClass, a)
	if err != nil {
		return nil, nil, err
	}
	if err := s.may(d); err != nil {
		return nil, nil, err
	}
	run := derivation{s: s, spec: spec, base: base}
	value, err := run.derive(m, length)
	if err != nil {
		return nil, nil, err
	}
	defer clear(value)
	switch {
	case run.base.is(fSensitive):
		return nil, nil, rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	case length > len(value):
		return nil, nil, rv(pkcs11.CKR_KEY_SIZE_RANGE)
	case length > 0:
		value = value[:length]
	}
	d.keep(pkcs11.CKA_VALUE, value)
	return d, run.base, nil
}

// beside finds the second key of a derivation, which must be for derivations too.
func (s *session) beside(handle uint, spec *mechanism.Spec) (*object, error) {
	o := s.object(pkcs11.ObjectHandle(handle))
	switch {
	case o == nil:
		return nil, rv(pkcs11.CKR_KEY_HANDLE_INVALID)
	case o.kind() != secret:
		return nil, rv(pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	case !o.is(fDerive), o.policy != nil && len(o.policy.derive) > 0: // its template cannot be asked for any more
		return nil, rv(pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED)
	case !o.allows(spec.Type):
		return nil, rv(pkcs11.CKR_MECHANISM_INVALID)
	case o.key == nil:
		return nil, rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return o, nil
}

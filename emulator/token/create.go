package token

import (
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// object finds an object that this session may see.
func (s *session) object(o pkcs11.ObjectHandle) *object {
	found := s.slot.token.objects.get(uint(o))
	if found == nil || !s.slot.sees(found) {
		return nil
	}
	return found
}

// may tells whether this session may bring an object like d into being.
func (s *session) may(d *draft) error {
	role := s.slot.role()
	switch {
	case d.kind()&keys != 0 && !s.slot.token.offers.Holds(d.keyType):
		return rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	case d.is(fToken) && !s.rw:
		return rv(pkcs11.CKR_SESSION_READ_ONLY)
	case d.is(fPrivate) && role != user:
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	case d.is(fTrusted) && role != securityOfficer:
		return rv(pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	}
	return nil
}

// add puts a finished object where it belongs. A logout since login undoes it.
func (s *session) add(o *object, login uint64) (pkcs11.ObjectHandle, error) {
	if o.is(fToken) {
		return s.slot.addRecord(o, login)
	}
	t := s.slot.token
	o.slot, o.owner = s.slot, s
	o.handle = t.objects.reserve()
	s.own(o.handle)
	s.slot.index.replace(nil, o, func() bool { t.objects.put(o.handle, o); return true })
	if o.is(fPrivate) && s.slot.logins.Load() != login {
		t.forget(o.handle)
		return 0, rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return pkcs11.ObjectHandle(o.handle), nil
}

// addRecord stores a new token object. A directory seals it, so somebody must
// be logged in, even where the object is public.
func (sl *slot) addRecord(o *object, login uint64) (pkcs11.ObjectHandle, error) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.key == nil || sl.logins.Load() != login {
		return 0, rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	o.name = newName()
	err := sl.inStep(func() error {
		if err := sl.save(o); err != nil {
			return err
		}
		sl.adopt(o)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return pkcs11.ObjectHandle(o.handle), nil
}

// save writes a state of an object.
func (sl *slot) save(o *object) error {
	if sl.key == nil {
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	if o.key == nil && o.kind()&keys != 0 {
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN) // its value is still sealed
	}
	content, err := encodeObject(o, sl.card.Epoch, sl.key)
	if err != nil {
		return err
	}
	return sl.storage.write(o.name.file(), content)
}

// CreateObject is C_CreateObject for data, certificates, and keys given in clear.
func (t *Token) CreateObject(sh pkcs11.SessionHandle, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	s, err := t.enter(sh)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	login := s.slot.logins.Load()
	d, err := newDraft(created, anyClass, anyClass, temp)
	if err != nil {
		return 0, err
	}
	if err := d.material(); err != nil {
		return 0, err
	}
	return s.complete(d, created, 0, nil, login)
}

// complete is the common end of every way to make an object.
func (s *session) complete(d *draft, from origin, made uint, base *object, login uint64) (pkcs11.ObjectHandle, error) {
	defer d.release()
	if err := s.may(d); err != nil {
		return 0, err
	}
	d.flags |= s.slot.token.permits.flags()
	if err := d.ancestry(from, made, s.slot.seen(base, from)); err != nil {
		return 0, err
	}
	o, err := d.finish()
	if err != nil {
		return 0, err
	}
	if err := s.slot.claimNew(o, from); err != nil {
		return 0, err
	}
	return s.add(o, login)
}

// GenerateKey is C_GenerateKey.
func (t *Token) GenerateKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	s, err := t.enter(sh)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	login := s.slot.logins.Load()
	spec, err := t.generator(m, mechanism.Generate)
	if err != nil {
		return 0, err
	}
	d, err := newSecretDraft(spec, temp)
	if err != nil {
		return 0, err
	}
	if err := s.may(d); err != nil {
		return 0, err
	}
	if err := d.hasLength(spec); err != nil {
		return 0, err
	}
	if fits, _ := mechanism.SecretLength(d.keyType, d.length); !fits {
		return 0, rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	if d.key, err = spec.Generate(t.random, d.keyType, m[0], d.length); err != nil {
		return 0, err
	}
	return s.complete(d, generated, spec.Type, nil, login)
}

// newSecretDraft reads the template of a generated key. A mechanism that makes
// several key types makes its first where the template names none.
func newSecretDraft(spec *mechanism.Spec, temp []*pkcs11.Attribute) (*draft, error) {
	keyType := spec.KeyTypes[0]
	if slices.ContainsFunc(temp, func(a *pkcs11.Attribute) bool { return a != nil && a.Type == pkcs11.CKA_KEY_TYPE }) {
		keyType = anyClass
	}
	d, err := newDraft(generated, pkcs11.CKO_SECRET_KEY, keyType, temp)
	if err != nil {
		return nil, err
	}
	if !spec.Takes(d.keyType) {
		return nil, rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return d, nil
}

// hasLength wants a length, save of key types that have only one and of mechanisms that
// have one: 0 is that.
func (d *draft) hasLength(spec *mechanism.Spec) error {
	if d.length == none {
		d.length = mechanism.FixedLength(d.keyType)
	}
	if d.length < 1 && !spec.Sized() {
		return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	return nil
}

// generator finds a mechanism that makes keys; none of them has a parameter.
func (t *Token) generator(m []*pkcs11.Mechanism, op mechanism.Operation) (*mechanism.Spec, error) {
	spec, err := t.lookup(m, op)
	if err != nil {
		return nil, err
	}
	return spec, spec.Check(m[0])
}

// lookup finds a mechanism that can do op.
func (t *Token) lookup(m []*pkcs11.Mechanism, op mechanism.Operation) (*mechanism.Spec, error) {
	if len(m) != 1 || m[0] == nil {
		return nil, rv(pkcs11.CKR_ARGUMENTS_BAD)
	}
	spec := t.offers.Lookup(m[0].Mechanism)
	if spec == nil || !spec.Can(op) {
		return nil, rv(pkcs11.CKR_MECHANISM_INVALID)
	}
	return spec, nil
}

// GenerateKeyPair is C_GenerateKeyPair.
func (t *Token) GenerateKeyPair(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error) {
	s, err := t.enter(sh)
	if err != nil {
		return 0, 0, err
	}
	defer s.leave()
	login := s.slot.logins.Load()
	spec, err := t.generator(m, mechanism.GeneratePair)
	if err != nil {
		return 0, 0, err
	}
	pub, err := newDraft(generated, pkcs11.CKO_PUBLIC_KEY, spec.KeyTypes[0], public)
	if err != nil {
		return 0, 0, err
	}
	priv, err := newDraft(generated, pkcs11.CKO_PRIVATE_KEY, spec.KeyTypes[0], private)
	if err != nil {
		return 0, 0, err
	}
	if err := s.mayPair(pub, priv); err != nil {
		return 0, 0, err
	}
	if priv.key, err = spec.GeneratePair(mechanism.Pair{Bits: pub.bits, Exponent: pub.parts.E, Curve: pub.curve}); err != nil {
		return 0, 0, err
	}
	pub.key = priv.key.PublicHalf()
	priv.curveFrom(pub)
	publicHandle, err := s.complete(pub, generated, spec.Type, nil, login)
	if err != nil {
		return 0, 0, err
	}
	privateHandle, err := s.complete(priv, generated, spec.Type, nil, login)
	if err != nil {
		return 0, 0, s.undo(publicHandle, err)
	}
	return publicHandle, privateHandle, nil
}

func (s *session) mayPair(pub, priv *draft) error {
	if err := s.may(pub); err != nil {
		return err
	}
	if err := s.may(priv); err != nil {
		return err
	}
	if pub.bits == 0 && pub.curve == nil {
		return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	return nil
}

// undo removes the first half of a pair whose second half failed with err.
func (s *session) undo(first pkcs11.ObjectHandle, err error) error {
	if o := s.object(first); o != nil {
		s.destroy(o)
	}
	return err
}

// UnwrapKey is C_UnwrapKey. The wrapped value of a secret key is the value, of
// a private key its PKCS #8 form. CKA_VALUE_LEN may be given; what it may cut
// says mechanism.Spec.Trim.
func (t *Token) UnwrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, unwrappingKey pkcs11.ObjectHandle, wrappedKey []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	s, err := t.enter(sh)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	login := s.slot.logins.Load()
	spec, by, err := s.use(m, unwrappingKey, mechanism.Unwrap, fUnwrap)
	if err != nil {
		return 0, asKey(unwrappingNames, err)
	}
	if by.policy != nil {
		if a, err = under(by.policy.unwrap, a); err != nil {
			return 0, err
		}
	}
	d, err := newDraft(unwrapped, anyClass, anyClass, a)
	if err != nil {
		return 0, err
	}
	if err := s.may(d); err != nil {
		return 0, err
	}
	value, err := spec.Unwrap(by.key, m[0], wrappedKey)
	if err != nil {
		return 0, err
	}
	if err := d.unwrapped(spec, value); err != nil {
		clear(value)
		return 0, err
	}
	return s.complete(d, unwrapped, 0, by, login)
}

// unwrapped makes the key from what was under the wrapping.
func (d *draft) unwrapped(spec *mechanism.Spec, value []byte) (err error) {
	switch d.kind() {
	case secret:
		if d.length != none {
			if value, err = spec.Trim(value, d.length); err != nil {
				return err
			}
		}
		d.key, err = d.secret(value, rv(pkcs11.CKR_WRAPPED_KEY_INVALID))
	case private:
		if d.key, err = mechanism.ParsePrivate(d.keyType, value); err == nil {
			d.curveFrom(nil)
		}
	default:
		err = rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return err
}

// WrapKey is C_WrapKey.
func (t *Token) WrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, wrappingKey, key pkcs11.ObjectHandle) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	spec, by, err := s.use(m, wrappingKey, mechanism.Wrap, fWrap)
	if err != nil {
		return nil, asKey(wrappingNames, err)
	}
	o := s.object(key)
	if o == nil {
		return nil, rv(pkcs11.CKR_KEY_HANDLE_INVALID)
	}
	if err := wrappable(o, by); err != nil {
		return nil, err
	}
	if err := s.slot.note(o); err != nil { // it may come back
		return nil, err
	}
	value, err := materialOf(o)
	if err != nil {
		return nil, err
	}
	return spec.Wrap(by.key, m[0], value, t.random)
}

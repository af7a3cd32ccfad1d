package token

import (
	"bytes"

	"github.com/miekg/pkcs11"
)

// DestroyObject is C_DestroyObject.
func (t *Token) DestroyObject(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	o := s.object(oh)
	switch {
	case o == nil:
		return rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
	case o.is(fToken) && !s.rw:
		return rv(pkcs11.CKR_SESSION_READ_ONLY)
	case !o.is(fDestroyable):
		return rv(pkcs11.CKR_ACTION_PROHIBITED)
	}
	return s.destroy(o)
}

func (s *session) destroy(o *object) error {
	if !o.is(fToken) {
		if s.slot.token.forget(o.handle) == nil {
			return rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
		}
		return nil
	}
	sl := s.slot
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return sl.inStep(func() error {
		now := sl.records[o.name.id]
		if now == nil || now.handle != o.handle {
			return rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
		}
		if err := sl.erase(now.name); err != nil {
			return err
		}
		sl.drop(now)
		return nil
	})
}

// erase removes every version of an object, the newest last: a process killed
// on the way must not bring an old one back.
func (sl *slot) erase(newest name) error {
	if err := sl.eraseOlder(newest.id); err != nil {
		return err
	}
	return sl.storage.remove(newest.file())
}

// eraseOlder removes what storage has of an object beside its newest version. Any order
// will do: the newest counts.
func (sl *slot) eraseOlder(id [idSize]byte) error {
	for len(sl.older[id]) > 0 {
		if err := sl.storage.remove(sl.older[id][0].file()); err != nil {
			return err
		}
		sl.older[id] = sl.older[id][1:]
	}
	delete(sl.older, id)
	return nil
}

// GetObjectSize is C_GetObjectSize: the bytes of the attributes, roughly.
func (t *Token) GetObjectSize(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle) (uint, error) {
	s, err := t.enter(sh)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	o := s.object(oh)
	if o == nil {
		return 0, rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
	}
	return o.size(), nil
}

// GetAttributeValue is C_GetAttributeValue as miekg/pkcs11 gives it: all values
// asked for, or one error. Of a template inside an attribute come types and
// lengths.
func (t *Token) GetAttributeValue(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	o := s.object(oh)
	if o == nil {
		return nil, rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
	}
	out := make([]*pkcs11.Attribute, len(a))
	for i, want := range a {
		if want == nil {
			return nil, rv(pkcs11.CKR_ARGUMENTS_BAD)
		}
		v, err := o.read(want.Type)
		if err != nil {
			return nil, err
		}
		out[i] = &pkcs11.Attribute{Type: want.Type, Value: v}
	}
	return out, nil
}

// SetAttributeValue is C_SetAttributeValue: all of it, or nothing.
func (t *Token) SetAttributeValue(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle, a []*pkcs11.Attribute) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	for {
		o := s.object(oh)
		switch {
		case o == nil:
			return rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
		case o.is(fToken) && !s.rw:
			return rv(pkcs11.CKR_SESSION_READ_ONLY)
		case !o.is(fModifiable):
			return rv(pkcs11.CKR_ACTION_PROHIBITED)
		}
		now, err := o.with(a, s.slot.role(), setting)
		if err != nil {
			return err
		}
		if err := s.slot.claimGained(o, now); err != nil {
			return err
		}
		if done, err := s.replace(o, now); done || err != nil {
			return err
		}
	}
}

// replace puts a new state in the place of the old one; false when the old one
// is no longer there, and the change must be judged again.
func (s *session) replace(old, now *object) (bool, error) {
	sl := s.slot
	if old.is(fToken) {
		return sl.replaceRecord(old, now)
	}
	return sl.index.replace(old, now, func() bool { return sl.token.objects.replace(old.handle, old, now) }), nil
}

func (sl *slot) replaceRecord(old, now *object) (done bool, err error) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	err = sl.inStep(func() error {
		if sl.records[old.name.id] != old {
			return nil
		}
		done = true
		now.name = old.name.next()
		if err := sl.save(now); err != nil {
			return err
		}
		sl.adopt(now)
		sl.older[old.name.id] = append(sl.older[old.name.id], old.name)
		return sl.eraseOlder(old.name.id)
	})
	return done, err
}

// occasion is why attributes change.
type occasion int

const (
	setting occasion = iota
	copying
)

// with is the object after a change of attributes.
func (o *object) with(a []*pkcs11.Attribute, who role, why occasion) (*object, error) {
	d := &draft{object: *o, length: none}
	for _, c := range a {
		if c == nil {
			return nil, rv(pkcs11.CKR_ARGUMENTS_BAD)
		}
		r, i, ok := o.rule(c.Type)
		switch {
		case !ok:
			return nil, rv(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
		case !r.kind.fits(c.Value):
			return nil, rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		case !d.seen.add(i):
			return nil, rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
		}
		if o.unchanged(r, c.Value) && why == copying {
			continue
		}
		if err := r.permits(o, c.Value, who, why); err != nil {
			return nil, err
		}
		if err := d.put(r, c.Value); err != nil {
			return nil, err
		}
	}
	now, err := d.finish()
	if err != nil {
		return nil, err
	}
	return now, o.guarded(now, who)
}

// unchanged tells whether a value is what the object has: a copy may name it.
func (o *object) unchanged(r *rule, v []byte) bool {
	now, err := o.read(r.typ)
	return err == nil && bytes.Equal(now, v)
}

// permits judges one change of o. An object that is not modifiable keeps, in a
// copy too, everything but where it lives.
func (r *rule) permits(o *object, v []byte, who role, why occasion) error {
	on, modifiable := len(v) == 1 && v[0] == 1, o.is(fModifiable)
	permitted := false
	switch r.change {
	case free:
		permitted = modifiable
	case raised:
		permitted = !o.is(r.flag) && modifiable
	case lowered:
		permitted = o.is(r.flag) && (modifiable || why == copying)
	case bySO:
		permitted = modifiable && (who == securityOfficer || !on && !o.is(r.flag))
	case copied:
		permitted = why == copying
	case hides:
		if why == copying && !on {
			return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
		}
		permitted = why == copying
	case seals:
		permitted = !on && why == copying
	}
	if !permitted {
		return rv(pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	}
	return nil
}

// CopyObject is C_CopyObject.
func (t *Token) CopyObject(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	s, err := t.enter(sh)
	if err != nil {
		return 0, err
	}
	defer s.leave()
	login := s.slot.logins.Load()
	o := s.object(oh)
	switch {
	case o == nil:
		return 0, rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
	case !o.is(fCopyable):
		return 0, rv(pkcs11.CKR_ACTION_PROHIBITED)
	}
	c, err := o.with(temp, s.slot.role(), copying)
	if err != nil {
		return 0, err
	}
	c.owner, c.name = nil, name{}
	switch {
	case c.is(fToken) && !s.rw:
		return 0, rv(pkcs11.CKR_SESSION_READ_ONLY)
	case c.is(fPrivate) && s.slot.role() != user:
		return 0, rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	if err := s.slot.claimGained(o, c); err != nil {
		return 0, err
	}
	return s.add(c, login)
}

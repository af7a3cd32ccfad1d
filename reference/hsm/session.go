package hsm

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// Key is a handle of a key in the token. It is comparable; the zero Key is none.
type Key struct{ handle pkcs11.ObjectHandle }

var errNoKey = errors.New("no key given")

// Session is borrowed for the time of one HSM.Do; one goroutine uses it. Keys that it
// makes end with that Do, save those that were given a label.
type Session struct {
	h          *HSM
	m          *bounded
	t          *traits
	handle     pkcs11.SessionHandle
	open       bool
	generation uint64 // of the login that it was opened under
	made       []pkcs11.ObjectHandle
}

// unpin lets go of what a call was given, but not before it has come back.
func (s *Session) unpin(p *runtime.Pinner) {
	if back := s.m.late(s.handle); back != nil {
		go func() {
			<-back
			p.Unpin()
		}()
		return
	}
	p.Unpin()
}

// adopt takes charge of a new object: it is destroyed at the end of the Do unless it is
// permanent, and it must not publish a check value.
func (s *Session) adopt(o pkcs11.ObjectHandle, label string) (Key, error) {
	s.made = append(s.made, o)
	key := Key{o}
	if err := s.CheckValueEmpty(key); err != nil {
		return Key{}, errors.Join(err, s.Destroy(key))
	}
	if label != "" {
		s.forget(o)
	}
	return key, nil
}

func (s *Session) forget(o pkcs11.ObjectHandle) {
	if i := slices.Index(s.made, o); i >= 0 {
		s.made = slices.Delete(s.made, i, i+1)
	}
}

// Destroy ends keys before their Do does. Zero keys are passed over.
func (s *Session) Destroy(keys ...Key) error {
	var errs []error
	for _, k := range keys {
		if k == (Key{}) {
			continue
		}
		if err := s.m.DestroyObject(s.handle, k.handle); err != nil {
			errs = append(errs, fmt.Errorf("destroy a key: %w", err))
			continue
		}
		s.forget(k.handle)
	}
	return errors.Join(errs...)
}

// generate makes a key of keyBytes.
func (s *Session) generate(use Usage, label string) (Key, error) {
	var pin runtime.Pinner
	defer s.unpin(&pin)
	mechanism := uint(pkcs11.CKM_GENERIC_SECRET_KEY_GEN)
	if use.kind().keyType == aesKey {
		mechanism = pkcs11.CKM_AES_KEY_GEN
	}
	attrs := s.t.template(&pin, use, label, attribute(pkcs11.CKA_VALUE_LEN, keyBytes))
	o, err := s.m.GenerateKey(s.handle, plain(mechanism), attrs)
	if err != nil {
		return Key{}, fmt.Errorf("generate %s: %w", use, err)
	}
	return s.adopt(o, label)
}

// derive makes a key of the leading n bytes of AES-ECB-encrypt(base, data).
func (s *Session) derive(base Key, data []byte, use Usage, n int) (Key, error) {
	if base == (Key{}) || len(data) == 0 {
		return Key{}, fmt.Errorf("derive %s: %w", use, errNoKey)
	}
	var pin runtime.Pinner
	defer s.unpin(&pin)
	attrs := s.t.template(&pin, use, "", attribute(pkcs11.CKA_VALUE_LEN, n))
	o, err := s.m.DeriveKey(s.handle, derivation(&pin, pkcs11.CKM_AES_ECB_ENCRYPT_DATA, data), base.handle, attrs)
	if err != nil {
		return Key{}, fmt.Errorf("derive %s: %w", use, err)
	}
	return s.adopt(o, "")
}

// unwrapping says how unwrap is to be done.
type unwrapping struct {
	mechanism []*pkcs11.Mechanism
	under     Key
	length    int // value for CKA_VALUE_LEN; 0 leaves it out
}

func (s *Session) unwrap(w unwrapping, blob []byte, use Usage, label string) (Key, error) {
	if w.under == (Key{}) || len(blob) == 0 {
		return Key{}, fmt.Errorf("unwrap %s: %w", use, errNoKey)
	}
	var pin runtime.Pinner
	defer s.unpin(&pin)
	attrs := s.t.unwrapTemplate(&pin, use, label, w)
	o, err := s.m.UnwrapKey(s.handle, w.mechanism, w.under.handle, blob, attrs)
	if err != nil {
		return Key{}, fmt.Errorf("unwrap %s: %w", use, err)
	}
	return s.adopt(o, label)
}

func (s *Session) wrap(mechanism []*pkcs11.Mechanism, under, key Key) ([]byte, error) {
	if under == (Key{}) || key == (Key{}) {
		return nil, fmt.Errorf("wrap: %w", errNoKey)
	}
	return s.m.WrapKey(s.handle, mechanism, under.handle, key.handle)
}

// create makes a session key of a value that the host knows.
func (s *Session) create(value []byte, use Usage) (Key, error) {
	var pin runtime.Pinner
	defer s.unpin(&pin)
	attrs := s.t.template(&pin, use, "", attribute(pkcs11.CKA_VALUE, value))
	o, err := s.m.CreateObject(s.handle, attrs)
	if err != nil {
		return Key{}, fmt.Errorf("import %s: %w", use, err)
	}
	return s.adopt(o, "")
}

// Find gives the permanent secret or private key of that label: reference.ErrNotFound
// when there is none, an error too when there are several.
func (s *Session) Find(label string) (Key, error) {
	var found []pkcs11.ObjectHandle
	for _, class := range []uint{pkcs11.CKO_SECRET_KEY, pkcs11.CKO_PRIVATE_KEY} {
		objects, err := s.search(label, class)
		if err != nil {
			return Key{}, fmt.Errorf("find key %s: %w", label, err)
		}
		found = append(found, objects...)
	}
	switch len(found) {
	case 0:
		return Key{}, fmt.Errorf("key %s: %w", label, reference.ErrNotFound)
	case 1:
		return Key{found[0]}, nil
	}
	return Key{}, fmt.Errorf("key %s: the token has %d of that label", label, len(found))
}

// Remove destroys the permanent keys of that label, both halves of a pair. None is no error.
func (s *Session) Remove(label string) error {
	for _, class := range []uint{pkcs11.CKO_SECRET_KEY, pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY} {
		objects, err := s.search(label, class)
		if err != nil {
			return fmt.Errorf("remove key %s: %w", label, err)
		}
		for _, o := range objects {
			if err := s.Destroy(Key{o}); err != nil {
				return fmt.Errorf("remove key %s: %w", label, err)
			}
		}
	}
	return nil
}

// search lists the first permanent objects of that label and class.
func (s *Session) search(label string, class uint) ([]pkcs11.ObjectHandle, error) {
	const enough = 16
	err := s.m.FindObjectsInit(s.handle, []*pkcs11.Attribute{
		attribute(pkcs11.CKA_TOKEN, true),
		attribute(pkcs11.CKA_CLASS, class),
		attribute(pkcs11.CKA_LABEL, label),
	})
	if err != nil {
		return nil, err
	}
	objects, _, err := s.m.FindObjects(s.handle, enough)
	if err = errors.Join(err, s.m.FindObjectsFinal(s.handle)); err != nil || len(objects) > 0 {
		return objects, err
	}
	return nil, s.loggedIn() // without a login nothing private is found
}

// loggedIn fails with CKR_USER_NOT_LOGGED_IN when the login was lost.
func (s *Session) loggedIn() error {
	info, err := s.m.GetSessionInfo(s.handle)
	if err != nil {
		return fmt.Errorf("C_GetSessionInfo: %w", err)
	}
	if info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
		return pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return nil
}

// plain is a mechanism without a parameter.
func plain(mechanism uint) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
}

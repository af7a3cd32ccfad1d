package token

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// use finds a mechanism and a key that may do op together. It is the one place
// where usage attributes are asked. A raw signature, once begun, counts as a usage.
func (s *session) use(m []*pkcs11.Mechanism, o pkcs11.ObjectHandle, op mechanism.Operation, usage flags) (*mechanism.Spec, *object, error) {
	spec, err := s.slot.token.lookup(m, op)
	if err != nil {
		return nil, nil, err
	}
	key := s.object(o)
	switch {
	case key == nil:
		return nil, nil, rv(pkcs11.CKR_KEY_HANDLE_INVALID)
	case key.kind()&keys == 0 || !spec.Takes(key.keyType):
		return nil, nil, rv(pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	case op == mechanism.Derive && key.kind() == public:
		return nil, nil, rv(pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	case !key.is(usage):
		return nil, nil, rv(pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED)
	case !key.allows(spec.Type):
		return nil, nil, rv(pkcs11.CKR_MECHANISM_INVALID)
	case key.key == nil:
		return nil, nil, rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	case key.is(fAlwaysAuthenticate) && op&(mechanism.Unwrap|mechanism.Derive) != 0:
		return nil, nil, rv(pkcs11.CKR_USER_NOT_LOGGED_IN) // there is no moment to ask for the PIN
	case !spec.Fits(key.key):
		return nil, nil, rv(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	if err := spec.Check(m[0]); err != nil || !spec.Raw() || op&(mechanism.Sign|mechanism.SignRecover) == 0 {
		return spec, key, err
	}
	return spec, key, asKey(rawNames, s.slot.claim(key, key.past()|fSignedRaw))
}

// rawNames: a pair of which either half encrypts, decrypts, wraps or unwraps has no raw
// signatures, which would undo that.
var rawNames = map[rv]rv{pkcs11.CKR_TEMPLATE_INCONSISTENT: pkcs11.CKR_MECHANISM_INVALID}

// PKCS #11 has names of their own for faults of a wrapping or unwrapping key.
var (
	wrappingNames = map[rv]rv{
		pkcs11.CKR_KEY_HANDLE_INVALID:    pkcs11.CKR_WRAPPING_KEY_HANDLE_INVALID,
		pkcs11.CKR_KEY_TYPE_INCONSISTENT: pkcs11.CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
		pkcs11.CKR_KEY_SIZE_RANGE:        pkcs11.CKR_WRAPPING_KEY_SIZE_RANGE,
	}
	unwrappingNames = map[rv]rv{
		pkcs11.CKR_KEY_HANDLE_INVALID:    pkcs11.CKR_UNWRAPPING_KEY_HANDLE_INVALID,
		pkcs11.CKR_KEY_TYPE_INCONSISTENT: pkcs11.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
		pkcs11.CKR_KEY_SIZE_RANGE:        pkcs11.CKR_UNWRAPPING_KEY_SIZE_RANGE,
	}
)

func asKey(names map[rv]rv, err error) error {
	if code, ok := err.(rv); ok && names[code] != 0 {
		return names[code]
	}
	return err
}

// live tells whether a run's key may still be used: a logout ends the use of
// private keys.
func (s *session) live(key *object, login uint64) bool {
	return key == nil || !key.is(fPrivate) || s.slot.logins.Load() == login
}

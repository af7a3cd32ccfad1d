package token

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// AttributeValues is C_GetAttributeValue: the values that can be had, and beside them the
// error about the first that cannot (v2.40 §5.7 leaves the choice to the token).
func (t *Token) AttributeValues(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle, types []uint) ([]cryptoki.AttributeValue, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	o := s.object(oh)
	if o == nil {
		return nil, rv(pkcs11.CKR_OBJECT_HANDLE_INVALID)
	}
	out := make([]cryptoki.AttributeValue, len(types))
	var first error
	for i, typ := range types {
		v, err := o.read(typ)
		out[i] = cryptoki.AttributeValue{Type: typ, Value: v, Unavailable: err != nil}
		if first == nil {
			first = err
		}
	}
	return out, first
}

// LoginUser is C_LoginUser (v3.0 §5.6.9). The users of this token have no names.
func (t *Token) LoginUser(sh pkcs11.SessionHandle, userType uint, PIN, user string) error {
	if user != "" {
		s, err := t.enter(sh)
		if err != nil {
			return err
		}
		s.leave()
		return rv(pkcs11.CKR_USER_TYPE_INVALID)
	}
	return t.Login(sh, userType, PIN)
}

// cancels are the operations of a session by the flag that names them.
var cancels = map[uint]func(*session){
	pkcs11.CKF_ENCRYPT:        func(s *session) { s.encrypt.end() },
	pkcs11.CKF_DECRYPT:        func(s *session) { s.decrypt.end() },
	pkcs11.CKF_DIGEST:         func(s *session) { s.digest.active = false },
	pkcs11.CKF_SIGN:           func(s *session) { s.sign.active = false },
	pkcs11.CKF_VERIFY:         func(s *session) { s.verify.active = false },
	pkcs11.CKF_SIGN_RECOVER:   func(s *session) { s.signRecover.end() },
	pkcs11.CKF_VERIFY_RECOVER: func(s *session) { s.verifyRecover.end() },
	cryptoki.CKF_FIND_OBJECTS: func(s *session) { s.search = search{} },
}

// SessionCancel is C_SessionCancel (v3.0 §5.6.11). Operations that are not active, and
// flags of those that this token does not have, change nothing.
func (t *Token) SessionCancel(sh pkcs11.SessionHandle, flags uint) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	for flag, cancel := range cancels {
		if flags&flag != 0 {
			cancel(s)
		}
	}
	return nil
}

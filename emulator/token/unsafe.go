package token

import (
	"bytes"

	"github.com/miekg/pkcs11"
)

// UnsafeValue gives a copy of the value of a secret key that the session sees, sensitive or
// not; nil for any other object. It is there for hunts, and no PKCS#11 function leads to it.
func (t *Token) UnsafeValue(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle) []byte {
	s, err := t.enter(sh)
	if err != nil {
		return nil
	}
	defer s.leave()
	o := s.object(oh)
	if o == nil || o.class != pkcs11.CKO_SECRET_KEY || o.key == nil {
		return nil
	}
	return bytes.Clone(o.key.Value())
}

package token

import (
	"bytes"

	"github.com/miekg/pkcs11"
)

// UnsafeValue gives a copy of what is secret of a key that the session sees, sensitive or not:
// the value of a secret key, the exponent of a private RSA key, the number of one on a curve;
// nil for any other object. It is there for hunts, and no PKCS#11 function leads to it.
func (t *Token) UnsafeValue(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle) []byte {
	s, err := t.enter(sh)
	if err != nil {
		return nil
	}
	defer s.leave()
	o := s.object(oh)
	switch {
	case o == nil || o.key == nil:
		return nil
	case o.class == pkcs11.CKO_SECRET_KEY:
		return bytes.Clone(o.key.Value())
	case o.class != pkcs11.CKO_PRIVATE_KEY:
		return nil
	case o.key.Private() != nil:
		return getD(o)
	}
	return getScalar(o)
}

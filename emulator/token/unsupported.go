package token

import "github.com/miekg/pkcs11"

// What this token leaves out answers so, as PKCS #11 asks, once the session is found.
func (t *Token) unsupported(sh pkcs11.SessionHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	s.leave()
	return rv(pkcs11.CKR_FUNCTION_NOT_SUPPORTED)
}

// SignRecoverInit is not supported.
func (t *Token) SignRecoverInit(sh pkcs11.SessionHandle, _ []*pkcs11.Mechanism, _ pkcs11.ObjectHandle) error {
	return t.unsupported(sh)
}

// SignRecover is not supported.
func (t *Token) SignRecover(sh pkcs11.SessionHandle, _ []byte) ([]byte, error) {
	return nil, t.unsupported(sh)
}

// VerifyRecoverInit is not supported.
func (t *Token) VerifyRecoverInit(sh pkcs11.SessionHandle, _ []*pkcs11.Mechanism, _ pkcs11.ObjectHandle) error {
	return t.unsupported(sh)
}

// VerifyRecover is not supported.
func (t *Token) VerifyRecover(sh pkcs11.SessionHandle, _ []byte) ([]byte, error) {
	return nil, t.unsupported(sh)
}

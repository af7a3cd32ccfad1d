package token

import "github.com/miekg/pkcs11"

// combine feeds one part to a cipher and to a hash of the same session (v2.40 §5.13). Both
// must be active; what goes wrong in one ends that one.
func (s *session) combine(run *cipherRun, hash *hashRun, part []byte, hashFirst bool) ([]byte, error) {
	if err := s.ready(hash, true); err != nil {
		return nil, err
	}
	if _, err := s.take(run, true); err != nil {
		return nil, err
	}
	if hashFirst {
		if err := s.addPart(hash, part); err != nil {
			return nil, err
		}
		return s.cipherPart(run, part)
	}
	out, err := s.cipherPart(run, part)
	if err != nil {
		return nil, err
	}
	return out, s.addPart(hash, out)
}

// DigestEncryptUpdate is C_DigestEncryptUpdate.
func (t *Token) DigestEncryptUpdate(sh pkcs11.SessionHandle, part []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.combine(&s.encrypt, &s.digest, part, true)
}

// DecryptDigestUpdate is C_DecryptDigestUpdate.
func (t *Token) DecryptDigestUpdate(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.combine(&s.decrypt, &s.digest, cipher, false)
}

// SignEncryptUpdate is C_SignEncryptUpdate.
func (t *Token) SignEncryptUpdate(sh pkcs11.SessionHandle, part []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.combine(&s.encrypt, &s.sign, part, true)
}

// DecryptVerifyUpdate is C_DecryptVerifyUpdate.
func (t *Token) DecryptVerifyUpdate(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.combine(&s.decrypt, &s.verify, cipher, false)
}

// busy tells whether an operation with a state is active; a search has none.
func (s *session) busy() bool {
	return s.encrypt.cipher != nil || s.decrypt.cipher != nil || s.signRecover.run != nil || s.verifyRecover.run != nil || s.sign.active || s.verify.active || s.digest.active
}

// GetOperationState is C_GetOperationState: this token gives no state out, since it would
// have to carry what depends on a key.
func (t *Token) GetOperationState(sh pkcs11.SessionHandle) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	if !s.busy() {
		return nil, rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
	return nil, rv(pkcs11.CKR_STATE_UNSAVEABLE)
}

// SetOperationState is C_SetOperationState: no state is one of this token's.
func (t *Token) SetOperationState(sh pkcs11.SessionHandle, _ []byte, _, _ pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return rv(pkcs11.CKR_SAVED_STATE_INVALID)
}

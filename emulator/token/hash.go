package token

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// begin starts a signature or verification in run.
func (s *session) beginMAC(run *hashRun, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle, op mechanism.Operation, usage flags) error {
	if run.active {
		return rv(pkcs11.CKR_OPERATION_ACTIVE)
	}
	login := s.slot.logins.Load()
	spec, key, err := s.use(m, o, op, usage)
	if err != nil {
		return err
	}
	if err := run.Start(spec, key.key, m[0]); err != nil {
		return err
	}
	run.active, run.parts, run.key, run.login, run.proof = true, false, key, login, s.proofFor(key)
	run.single = spec.Single()
	return nil
}

// ready tells whether run goes on; part is an Update or a Final. PKCS #11 names no code
// for parts where there may be one only: this is SoftHSM's, and ends the operation too.
func (s *session) ready(run *hashRun, part bool) error {
	if !run.active {
		return rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
	if !s.live(run.key, run.login) || !part && run.parts || part && run.single {
		run.active = false
		return rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
	if run.proof.missing {
		run.active = false
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return nil
}

// add puts a part into run.
func (s *session) addPart(run *hashRun, part []byte) error {
	if err := s.ready(run, true); err != nil {
		return err
	}
	run.parts = true
	run.Write(part)
	return nil
}

// end takes a last message, where there is one, and ends run.
func (s *session) end(run *hashRun, message []byte, part bool) error {
	if err := s.ready(run, part); err != nil {
		return err
	}
	run.active = false
	run.Write(message)
	return nil
}

// result ends run with a signature or digest.
func (s *session) result(run *hashRun, message []byte, part bool) ([]byte, error) {
	if err := s.end(run, message, part); err != nil {
		return nil, err
	}
	return run.Sign()
}

// check ends a verification.
func (s *session) check(message, signature []byte, part bool) error {
	if err := s.end(&s.verify, message, part); err != nil {
		return err
	}
	return s.verify.Verify(signature)
}

// SignInit is C_SignInit.
func (t *Token) SignInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.beginMAC(&s.sign, m, o, mechanism.Sign, fSign)
}

// Sign is C_Sign.
func (t *Token) Sign(sh pkcs11.SessionHandle, message []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.result(&s.sign, message, false)
}

// SignUpdate is C_SignUpdate.
func (t *Token) SignUpdate(sh pkcs11.SessionHandle, message []byte) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.addPart(&s.sign, message)
}

// SignFinal is C_SignFinal.
func (t *Token) SignFinal(sh pkcs11.SessionHandle) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.result(&s.sign, nil, true)
}

// VerifyInit is C_VerifyInit.
func (t *Token) VerifyInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.beginMAC(&s.verify, m, key, mechanism.Verify, fVerify)
}

// Verify is C_Verify.
func (t *Token) Verify(sh pkcs11.SessionHandle, data []byte, signature []byte) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.check(data, signature, false)
}

// VerifyUpdate is C_VerifyUpdate.
func (t *Token) VerifyUpdate(sh pkcs11.SessionHandle, part []byte) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.addPart(&s.verify, part)
}

// VerifyFinal is C_VerifyFinal.
func (t *Token) VerifyFinal(sh pkcs11.SessionHandle, signature []byte) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.check(nil, signature, true)
}

// DigestInit is C_DigestInit.
func (t *Token) DigestInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	if s.digest.active {
		return rv(pkcs11.CKR_OPERATION_ACTIVE)
	}
	spec, err := t.generator(m, mechanism.Digest)
	if err != nil {
		return err
	}
	s.digest.StartDigest(spec.Hash())
	s.digest.active, s.digest.parts, s.digest.single = true, false, false
	return nil
}

// Digest is C_Digest.
func (t *Token) Digest(sh pkcs11.SessionHandle, message []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.result(&s.digest, message, false)
}

// DigestUpdate is C_DigestUpdate.
func (t *Token) DigestUpdate(sh pkcs11.SessionHandle, message []byte) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.addPart(&s.digest, message)
}

// DigestKey is C_DigestKey, for a secret key that may be read: the digest of a
// hidden one would tell about it.
func (t *Token) DigestKey(sh pkcs11.SessionHandle, key pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	if err := s.ready(&s.digest, true); err != nil {
		return err
	}
	o := s.object(key)
	if o == nil {
		return rv(pkcs11.CKR_KEY_HANDLE_INVALID)
	}
	if o.kind() != secret {
		return rv(pkcs11.CKR_KEY_INDIGESTIBLE)
	}
	value, err := o.read(pkcs11.CKA_VALUE)
	if err != nil {
		return rv(pkcs11.CKR_KEY_INDIGESTIBLE)
	}
	return s.addPart(&s.digest, value)
}

// DigestFinal is C_DigestFinal.
func (t *Token) DigestFinal(sh pkcs11.SessionHandle) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.result(&s.digest, nil, true)
}

package token

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// recoverRun is a signature with recovery, or its verification, before its one call.
type recoverRun struct {
	run   func(in []byte) ([]byte, error) // nil: none
	key   *object
	login uint64
	proof proof
}

func (r *recoverRun) end() { r.run, r.key = nil, nil }

func (s *session) beginRecover(run *recoverRun, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle, op mechanism.Operation, usage flags) error {
	if run.run != nil {
		return rv(pkcs11.CKR_OPERATION_ACTIVE)
	}
	login := s.slot.logins.Load()
	spec, key, err := s.use(m, o, op, usage)
	if err != nil {
		return err
	}
	start, err := spec.StartRecovery(key.key, m[0], op == mechanism.SignRecover)
	if err != nil {
		return err
	}
	*run = recoverRun{start, key, login, s.proofFor(key)}
	return nil
}

// recovered makes the one call, which ends the operation.
func (s *session) recovered(run *recoverRun, in []byte) ([]byte, error) {
	do := run.run
	if do == nil {
		return nil, rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
	live := s.live(run.key, run.login)
	run.end()
	switch {
	case !live:
		return nil, rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	case run.proof.missing:
		return nil, rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return do(in)
}

// SignRecoverInit is C_SignRecoverInit.
func (t *Token) SignRecoverInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.beginRecover(&s.signRecover, m, key, mechanism.SignRecover, fSignRecover)
}

// SignRecover is C_SignRecover.
func (t *Token) SignRecover(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.recovered(&s.signRecover, data)
}

// VerifyRecoverInit is C_VerifyRecoverInit.
func (t *Token) VerifyRecoverInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.beginRecover(&s.verifyRecover, m, key, mechanism.VerifyRecover, fVerifyRecover)
}

// VerifyRecover is C_VerifyRecover.
func (t *Token) VerifyRecover(sh pkcs11.SessionHandle, signature []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.recovered(&s.verifyRecover, signature)
}

package token

import (
	"errors"

	"github.com/miekg/pkcs11"
)

// proof is the PIN that a key with CKA_ALWAYS_AUTHENTICATE wants for each use (PKCS #11
// v2.40 §4.9): it is given after the Init, by C_Login with CKU_CONTEXT_SPECIFIC, and
// holds until the operation ends.
type proof struct {
	missing bool
	begun   uint64 // number of the operation in its session
}

func (s *session) proofFor(key *object) proof {
	if !key.is(fAlwaysAuthenticate) {
		return proof{}
	}
	s.begun++
	return proof{missing: true, begun: s.begun}
}

// waiting is the proof of the operation begun last, among those that miss theirs: one
// PIN serves one use.
func (s *session) waiting() *proof {
	var last *proof
	for _, run := range []struct {
		active bool
		proof  *proof
	}{
		{s.sign.active && s.live(s.sign.key, s.sign.login), &s.sign.proof},
		{s.signRecover.run != nil && s.live(s.signRecover.key, s.signRecover.login), &s.signRecover.proof},
		{s.decrypt.cipher != nil && s.live(s.decrypt.key, s.decrypt.login), &s.decrypt.proof},
	} {
		if run.active && run.proof.missing && (last == nil || run.proof.begun > last.begun) {
			last = run.proof
		}
	}
	return last
}

// prove is C_Login for one operation. A wrong PIN leaves operation and login as they are;
// a locked one ends the login.
func (s *session) prove(PIN string) error {
	waiting := s.waiting()
	if waiting == nil {
		return rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	}
	key, err := s.slot.verify(user, PIN)
	if errors.Is(err, rv(pkcs11.CKR_PIN_LOCKED)) {
		s.slot.logout()
	}
	if err != nil {
		return err
	}
	clear(key)
	waiting.missing = false
	return nil
}

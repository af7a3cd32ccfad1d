package token

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// beginCipher starts an encryption or decryption in run.
func (s *session) beginCipher(run *cipherRun, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle, op mechanism.Operation, usage flags) error {
	if run.cipher != nil {
		return rv(pkcs11.CKR_OPERATION_ACTIVE)
	}
	login := s.slot.logins.Load()
	spec, key, err := s.use(m, o, op, usage)
	if err != nil {
		return err
	}
	run.space.Random = s.slot.token.random
	run.cipher, err = spec.Start(key.key, m[0], op == mechanism.Encrypt, &run.space)
	if err != nil {
		run.cipher = nil
		return err
	}
	run.parts, run.key, run.login, run.proof = false, key, login, s.proofFor(key)
	return nil
}

// take gives the cipher of run, when it goes on; part is an Update or a Final.
// Whatever goes wrong ends the run.
func (s *session) take(run *cipherRun, part bool) (mechanism.Cipher, error) {
	c := run.cipher
	switch {
	case c == nil:
		return nil, rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	case !s.live(run.key, run.login), !part && run.parts:
		run.end()
		return nil, rv(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	case run.proof.missing:
		run.end()
		return nil, rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return c, nil
}

func (s *session) cipherWhole(run *cipherRun, in []byte) ([]byte, error) {
	c, err := s.take(run, false)
	if err != nil {
		return nil, err
	}
	run.end()
	return mechanism.Whole(c, in)
}

func (s *session) cipherPart(run *cipherRun, in []byte) ([]byte, error) {
	c, err := s.take(run, true)
	if err != nil {
		return nil, err
	}
	run.parts = true
	out, err := c.Update([]byte{}, in)
	if err != nil {
		run.end()
	}
	return out, err
}

func (s *session) cipherFinal(run *cipherRun) ([]byte, error) {
	c, err := s.take(run, true)
	if err != nil {
		return nil, err
	}
	run.end()
	return c.Final([]byte{})
}

// EncryptInit is C_EncryptInit.
func (t *Token) EncryptInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.beginCipher(&s.encrypt, m, o, mechanism.Encrypt, fEncrypt)
}

// Encrypt is C_Encrypt.
func (t *Token) Encrypt(sh pkcs11.SessionHandle, message []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.cipherWhole(&s.encrypt, message)
}

// EncryptUpdate is C_EncryptUpdate.
func (t *Token) EncryptUpdate(sh pkcs11.SessionHandle, plain []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.cipherPart(&s.encrypt, plain)
}

// EncryptFinal is C_EncryptFinal.
func (t *Token) EncryptFinal(sh pkcs11.SessionHandle) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.cipherFinal(&s.encrypt)
}

// DecryptInit is C_DecryptInit.
func (t *Token) DecryptInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return s.beginCipher(&s.decrypt, m, o, mechanism.Decrypt, fDecrypt)
}

// Decrypt is C_Decrypt.
func (t *Token) Decrypt(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.cipherWhole(&s.decrypt, cipher)
}

// DecryptUpdate is C_DecryptUpdate. Of GCM and OAEP nothing comes before
// DecryptFinal: no byte leaves that was not checked.
func (t *Token) DecryptUpdate(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.cipherPart(&s.decrypt, cipher)
}

// DecryptFinal is C_DecryptFinal.
func (t *Token) DecryptFinal(sh pkcs11.SessionHandle) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	return s.cipherFinal(&s.decrypt)
}

// GenerateRandom is C_GenerateRandom.
func (t *Token) GenerateRandom(sh pkcs11.SessionHandle, length int) ([]byte, error) {
	s, err := t.enter(sh)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	if length < 0 || length > maxRandom {
		return nil, rv(pkcs11.CKR_ARGUMENTS_BAD)
	}
	out := make([]byte, length)
	if _, err := t.random.Read(out); err != nil {
		return nil, rv(pkcs11.CKR_FUNCTION_FAILED)
	}
	return out, nil
}

const maxRandom = 1 << 20 // bytes of one call

// SeedRandom is C_SeedRandom: this token's source takes no seed.
func (t *Token) SeedRandom(sh pkcs11.SessionHandle, _ []byte) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	return rv(pkcs11.CKR_RANDOM_SEED_NOT_SUPPORTED)
}

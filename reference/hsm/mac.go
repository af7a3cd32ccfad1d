package hsm

import (
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// ErrMAC: a MAC does not match what it came with.
var ErrMAC = errors.New("MAC does not match")

// macs gives each hash its HMAC.
var macs = [...]struct {
	hash      crypto.Hash
	mechanism uint
}{
	{crypto.SHA1, pkcs11.CKM_SHA_1_HMAC},
	{crypto.SHA256, pkcs11.CKM_SHA256_HMAC},
	{crypto.SHA512, pkcs11.CKM_SHA512_HMAC},
}

func hmacMechanism(hash crypto.Hash) ([]*pkcs11.Mechanism, error) {
	for _, m := range macs {
		if m.hash == hash {
			return plain(m.mechanism), nil
		}
	}
	return nil, fmt.Errorf("no HMAC with %s", hash)
}

// MAC is HMAC with SHA-1, SHA-256 or SHA-512. Tokens want a key at least as long as the hash.
func (s *Session) MAC(key Key, hash crypto.Hash, data []byte) ([]byte, error) {
	mechanism, err := hmacMechanism(hash)
	if err != nil {
		return nil, err
	}
	if key == (Key{}) {
		return nil, fmt.Errorf("MAC: %w", errNoKey)
	}
	if err := s.m.SignInit(s.handle, mechanism, key.handle); err != nil {
		return nil, fmt.Errorf("MAC: %w", err)
	}
	mac, err := s.m.Sign(s.handle, data)
	if err != nil {
		return nil, fmt.Errorf("MAC: %w", err)
	}
	return mac, nil
}

// errTwoMACs: the token does not compute, for the moment.
var errTwoMACs = fmt.Errorf("the HSM gives two MACs of the same data: %w", reference.ErrUnavailable)

// KeptMAC is MAC for what is kept: it has the token compute twice and compares. One wrong
// bit would make a row or an audit record one that nobody believes any more.
func (s *Session) KeptMAC(key Key, hash crypto.Hash, data []byte) ([]byte, error) {
	mac, err := s.MAC(key, hash, data)
	if err != nil {
		return nil, err
	}
	again, err := s.MAC(key, hash, data)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(mac, again) {
		return nil, errTwoMACs
	}
	return mac, nil
}

// VerifyMAC lets the token compare: nil, ErrMAC, or another error when it could not.
func (s *Session) VerifyMAC(key Key, hash crypto.Hash, data, mac []byte) error {
	mechanism, err := hmacMechanism(hash)
	if err != nil {
		return err
	}
	if len(mac) != hash.Size() {
		return ErrMAC
	}
	if key == (Key{}) {
		return fmt.Errorf("verify a MAC: %w", errNoKey)
	}
	if err := s.m.VerifyInit(s.handle, mechanism, key.handle); err != nil {
		return fmt.Errorf("verify a MAC: %w", err)
	}
	err = s.m.Verify(s.handle, data, mac)
	switch {
	case is(err, pkcs11.CKR_SIGNATURE_INVALID), is(err, pkcs11.CKR_SIGNATURE_LEN_RANGE):
		return ErrMAC
	case err != nil:
		return fmt.Errorf("verify a MAC: %w", err)
	}
	return nil
}

// CheckValue is the key check value of an AES key of use KCV: the first three bytes of
// the encryption of a block of zeros. Other keys cannot encrypt, and have none.
func (s *Session) CheckValue(key Key) ([]byte, error) {
	if key == (Key{}) {
		return nil, fmt.Errorf("check value: %w", errNoKey)
	}
	if err := s.m.EncryptInit(s.handle, plain(pkcs11.CKM_AES_ECB), key.handle); err != nil {
		return nil, fmt.Errorf("check value: %w", err)
	}
	encrypted, err := s.m.Encrypt(s.handle, make([]byte, block))
	if err != nil {
		return nil, fmt.Errorf("check value: %w", err)
	}
	return encrypted[:3], nil
}

// CheckValueEmpty fails when the token publishes a check value of key: of a generic
// secret it would be three bytes of a hash of the value.
func (s *Session) CheckValueEmpty(key Key) error {
	attrs, err := s.m.GetAttributeValue(s.handle, key.handle, []*pkcs11.Attribute{attribute(pkcs11.CKA_CHECK_VALUE, nil)})
	if is(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID) {
		return nil // the token has no such attribute
	}
	if err != nil {
		return fmt.Errorf("read CKA_CHECK_VALUE: %w", err)
	}
	if len(attrs) != 1 || len(attrs[0].Value) != 0 {
		return errors.New("the token publishes a check value of the key")
	}
	return nil
}

func is(err error, code uint) bool { return errors.Is(err, pkcs11.Error(code)) }

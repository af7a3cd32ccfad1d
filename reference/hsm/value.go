package hsm

import (
	"fmt"

	"github.com/miekg/pkcs11"
)

// Shape says whether a value is padded before it is encrypted.
type Shape uint

const (
	// WholeBlocks is for values of whole blocks that have no redundancy and must get none: C.
	WholeBlocks Shape = pkcs11.CKM_AES_CBC
	// Padded is for text of any length (PKCS #7).
	Padded Shape = pkcs11.CKM_AES_CBC_PAD
)

// SealValue encrypts a value under a DBK of use CipherDBK as the row format st-2.6.1
// keeps it: a random IV, then AES-CBC. Nothing authenticates it.
func (s *Session) SealValue(dbk Key, shape Shape, value []byte) ([]byte, error) {
	iv := make([]byte, block)
	if _, err := s.h.random.Read(iv); err != nil {
		return nil, err
	}
	return s.sealValue(dbk, shape, iv, value)
}

func (s *Session) sealValue(dbk Key, shape Shape, iv, value []byte) ([]byte, error) {
	if dbk == (Key{}) {
		return nil, fmt.Errorf("seal a value: %w", errNoKey)
	}
	if err := s.m.EncryptInit(s.handle, shape.mechanism(iv), dbk.handle); err != nil {
		return nil, fmt.Errorf("seal a value: %w", err)
	}
	sealed, err := s.m.Encrypt(s.handle, value)
	if err != nil {
		return nil, fmt.Errorf("seal a value: %w", err)
	}
	return append(iv[:block:block], sealed...), nil
}

// OpenValue gives the value of SealValue to the host, which clears it. Whole blocks always
// open, whatever they were made with.
func (s *Session) OpenValue(dbk Key, shape Shape, sealed []byte) ([]byte, error) {
	if len(sealed) < 2*block || len(sealed)%block != 0 {
		return nil, fmt.Errorf("open a value: %d bytes are no IV and whole blocks", len(sealed))
	}
	if dbk == (Key{}) {
		return nil, fmt.Errorf("open a value: %w", errNoKey)
	}
	if err := s.m.DecryptInit(s.handle, shape.mechanism(sealed[:block]), dbk.handle); err != nil {
		return nil, fmt.Errorf("open a value: %w", err)
	}
	value, err := s.m.Decrypt(s.handle, sealed[block:])
	if err != nil {
		return nil, fmt.Errorf("open a value: %w", err)
	}
	return value, nil
}

func (shape Shape) mechanism(iv []byte) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(uint(shape), iv)}
}

package hsm

import (
	"fmt"

	"github.com/epsbench/epsbench/reference"
)

// DecryptsRequests is the operation that MPP v1 asks of a token beyond those of v2. A
// token without it serves v2 alone.
const DecryptsRequests = "DecryptRequest"

// DecryptRequest opens the RSA block of an MPP v1 request. What is in it comes to the
// host, as the text has it (seed 000 §6.3, step 4): clear it. A block that does not open
// gives reference.ErrRefused.
func (s *Session) DecryptRequest(priv Key, suite Suite, blob []byte) ([]byte, error) {
	mechanism, err := suite.mechanism()
	if err != nil {
		return nil, err
	}
	if priv == (Key{}) || len(blob) == 0 {
		return nil, fmt.Errorf("decrypt a request: %w", errNoKey)
	}
	if err := s.m.DecryptInit(s.handle, mechanism, priv.handle); err != nil {
		return nil, fmt.Errorf("decrypt a request: %w", err)
	}
	plain, err := s.m.Decrypt(s.handle, blob)
	switch {
	case lost(err):
		return nil, fmt.Errorf("decrypt a request: %w", err)
	case err != nil:
		return nil, fmt.Errorf("decrypt a request: %w: %w", reference.ErrRefused, err)
	}
	return plain, nil
}

// ImportSession brings in the keys of an MPP v1 request: K1 wraps C and nothing else, K2
// signs and nothing else.
func (s *Session) ImportSession(k1, k2 []byte) (Request, error) {
	kc, err := s.t.importKey(s, k1, requestKc)
	if err != nil {
		return Request{}, fmt.Errorf("K1: %w", err)
	}
	kt, err := s.t.importKey(s, k2, requestKt)
	if err != nil {
		return Request{}, fmt.Errorf("K2: %w", err)
	}
	return Request{Kt: kt, Kc: kc}, nil
}

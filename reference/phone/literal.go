package phone

import (
	"bytes"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
)

// SessionV1 is one try to get a token under MPP v1, the literal protocol (seed 000 §6.3).
// K1, K2 and nonce are fresh in each. Clear it when done.
type SessionV1 struct {
	pinned  Pinned
	service reference.Service
	h       []byte
	secrets wire1.Secrets
}

// BuildRequestV1 makes the body of POST /mpp/v1 for a registration code ("DIGITS"), and
// the session that its answer belongs to. random gives K1, K2, the nonce and the OAEP
// seed, in this order.
func BuildRequestV1(p Pinned, service reference.Service, rc []byte, random io.Reader) (*SessionV1, []byte, error) {
	key, err := p.keyV1()
	if err != nil {
		return nil, nil, err
	}
	if err := service.Check(); err != nil {
		return nil, nil, err
	}
	if err := reference.CheckCode(rc); err != nil {
		return nil, nil, err
	}
	s := &SessionV1{pinned: p, service: service, secrets: wire1.Secrets{
		K1: make([]byte, wire1.KeySize), K2: make([]byte, wire1.KeySize), Code: bytes.Clone(rc),
	}}
	body, err := s.request(key, random)
	if err != nil {
		s.Clear()
		return nil, nil, err
	}
	return s, body, nil
}

// request draws the secrets of s and gives the bytes of the request.
func (s *SessionV1) request(key *rsa.PublicKey, random io.Reader) ([]byte, error) {
	nonce := make([]byte, wire.NonceSize)
	for _, b := range [][]byte{s.secrets.K1, s.secrets.K2, nonce} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("draw K1, K2 and nonce: %w", err)
		}
	}
	plain, err := s.secrets.Encode()
	defer clear(plain)
	if err != nil {
		return nil, err
	}
	oaep, err := rsa.EncryptOAEP(oaepHash(s.pinned.Suite), random, key, plain, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt K1, K2 and code: %w", err)
	}
	body, err := wire.Encode(wire1.Request{
		Name: wire.Name, Version: wire1.Version, Suite: s.pinned.Suite, KeyID: s.pinned.V1.KeyID,
		Service: s.service, Nonce: nonce, OAEP: oaep,
	})
	h := sha256.Sum256(body)
	s.h = h[:]
	return body, err
}

// Accept makes every check on an answer and gives the device that it provisions.
// Its errors are a Check.
func (s *SessionV1) Accept(answer []byte, now time.Time) (*Device, error) {
	p, err := wire1.DecodeResponse(answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CheckFormat, err)
	}
	mac := hmac.New(sha256.New, s.secrets.K2)
	mac.Write(p.Body)
	if !hmac.Equal(mac.Sum(nil), p.MAC) {
		return nil, CheckMAC
	}
	a, err := p.Answer()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CheckFormat, err)
	}
	if err := s.answers(a); err != nil {
		return nil, err
	}
	if err := s.pinned.suits(s.service, a.Grant, now); err != nil {
		return nil, err
	}
	c, err := unwrap(s.secrets.K1, a.Grant.W)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CheckTokenBytes, err)
	}
	return newDevice(a.Grant, c), nil
}

// answers says whether an authentic answer belongs to this session.
func (s *SessionV1) answers(a wire1.Answer) error {
	switch {
	case !bytes.Equal(a.KeyID, s.pinned.V1.KeyID):
		return CheckKeyID
	case a.Suite != s.pinned.Suite:
		return CheckSuite
	case !bytes.Equal(a.H, s.h):
		return CheckRequest
	}
	return nil
}

// Clear overwrites the session's keys and the code.
func (s *SessionV1) Clear() { s.secrets.Clear() }

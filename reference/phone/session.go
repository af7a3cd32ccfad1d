package phone

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// Session is one try to get a token. S, nonce and ephemeral key are fresh in each,
// so an answer fits one request only. Clear it when done.
type Session struct {
	pinned    Pinned
	service   reference.Service
	ephemeral *ecdh.PrivateKey
	h1        []byte
	kt, kc    []byte
}

// BuildRequest makes the body of POST /mpp/v2 for a registration code
// ("LOCATOR-DIGITS"), and the session that its answer belongs to. random gives S,
// the nonce, the ephemeral key and the OAEP seed, in this order.
func BuildRequest(p Pinned, service reference.Service, rc []byte, random io.Reader) (*Session, []byte, error) {
	key, err := p.key()
	if err != nil {
		return nil, nil, err
	}
	if err := service.Check(); err != nil {
		return nil, nil, err
	}
	locator, digits, err := reference.SplitCode(rc)
	if err == nil {
		err = reference.CheckLocator(locator) // a code of v1 has none
	}
	if err != nil {
		return nil, nil, err
	}
	s := &Session{pinned: p, service: service}
	header, err := s.header(key, random)
	if err != nil {
		return nil, nil, err
	}
	ask := wire.Ask{Locator: locator, Code: digits, LowestVersion: p.MinVersion, TopVersion: wire.Version}
	box, err := s.sealAsk(ask)
	if err != nil {
		return nil, nil, err
	}
	body, err := wire.Encode(wire.Request{Header: header, Box: box})
	return s, body, err
}

// header draws the secrets of s and gives the bytes of the request header.
func (s *Session) header(key *rsa.PublicKey, random io.Reader) ([]byte, error) {
	secret, nonce := make([]byte, wire.KeySize), make([]byte, wire.NonceSize)
	defer clear(secret)
	for _, b := range [][]byte{secret, nonce} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("draw S and nonce: %w", err)
		}
	}
	var err error
	if s.kt, s.kc, err = wire.Session(secret); err != nil {
		return nil, err
	}
	if s.ephemeral, err = wire.Ephemeral(random); err != nil {
		return nil, err
	}
	oaep, err := rsa.EncryptOAEP(oaepHash(s.pinned.Suite), random, key, secret, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt S: %w", err)
	}
	b, err := wire.Encode(wire.RequestHeader{
		Name: wire.Name, Version: wire.Version, Suite: s.pinned.Suite, KeyID: s.pinned.KeyID,
		Service: s.service, Nonce: nonce, EC: s.ephemeral.PublicKey().Bytes(), OAEP: oaep,
	})
	h1 := sha256.Sum256(b)
	s.h1 = h1[:]
	return b, err
}

func oaepHash(suite uint64) hash.Hash {
	if suite == wire.SuiteSHA1 {
		return sha1.New()
	}
	return sha256.New()
}

func (s *Session) sealAsk(a wire.Ask) ([]byte, error) {
	key, err := wire.RequestKey(s.mac(wire.RequestMAC(s.h1)))
	defer clear(key)
	if err != nil {
		return nil, fmt.Errorf("derive K_req: %w", err)
	}
	return a.Seal(key, s.h1)
}

// openGrant opens the box of an answer whose header has been checked.
func (s *Session) openGrant(p wire.Response, h wire.ResponseHeader) (wire.Grant, error) {
	z, err := wire.Shared(s.ephemeral, h.ES)
	defer clear(z)
	if err != nil {
		return wire.Grant{}, err
	}
	h2 := sha256.Sum256(p.Header)
	key, err := wire.ResponseKey(z, s.mac(wire.ResponseMAC(h2[:])))
	defer clear(key)
	if err != nil {
		return wire.Grant{}, fmt.Errorf("derive K_rsp: %w", err)
	}
	return wire.OpenGrant(key, h2[:], p.Box)
}

func (s *Session) mac(data []byte) []byte {
	m := hmac.New(sha256.New, s.kt)
	m.Write(data)
	return m.Sum(nil)
}

// answers says whether an answer's header belongs to this session.
func (s *Session) answers(h wire.ResponseHeader) error {
	switch {
	case !bytes.Equal(h.KeyID, s.pinned.KeyID):
		return CheckKeyID
	case h.Suite != s.pinned.Suite:
		return CheckSuite
	case !bytes.Equal(h.H1, s.h1):
		return CheckRequest
	}
	return nil
}

// Clear overwrites the session's keys. The ephemeral key is Go's own and goes with
// the next garbage collection.
func (s *Session) Clear() {
	clear(s.kt)
	clear(s.kc)
	s.ephemeral = nil
}

package hsm

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/epsbench/epsbench/reference"
)

// transport is the transport key T: known to this process, brought into the token once
// by RSA-OAEP, so that keys made on the host (KEK, C) can follow under it where
// C_CreateObject of a secret key is forbidden.
type transport struct {
	value reference.Secret
	key   *Resident
}

const transportBits = 2048 // of the pair that lives for one OAEPUnwrap

func newTransport(h *HSM) *transport {
	value := make([]byte, keyBytes)
	rand.Read(value) // does not fail: crypto/rand ends the process instead
	t := &transport{value: reference.NewSecret(value)}
	t.key = h.Resident("transport key", t.load)
	return t
}

func (t *transport) load(s *Session) (Key, error) {
	private, public, err := s.GenerateRSA("", transportBits, UnwrapKeys)
	if err != nil {
		return Key{}, err
	}
	blob, err := encryptOAEP(public, s.OAEPSuite(), t.value.Bytes())
	if err != nil {
		return Key{}, err
	}
	return s.OAEPUnwrap(private, s.OAEPSuite(), blob, importT, "")
}

func (t *transport) clear() { t.value.Clear() }

// importUnderT: RFC 3394 on the host, C_UnwrapKey in the token.
func importUnderT(s *Session, value []byte, use Usage) (Key, error) {
	t := s.h.transport
	key, err := t.key.Key(context.Background())
	if err != nil {
		return Key{}, err
	}
	blob, err := wrapOnHost(t.value.Bytes(), value)
	if err != nil {
		return Key{}, fmt.Errorf("import %s: %w", use, err)
	}
	return s.keyUnwrap(key, blob, len(value), use, "")
}

// encryptOAEP is what a peer does who sends a key to one of the token's pairs.
func encryptOAEP(public *rsa.PublicKey, suite Suite, key []byte) ([]byte, error) {
	return rsa.EncryptOAEP(suite.hash(), rand.Reader, public, key, nil)
}

func (s Suite) hash() hash.Hash {
	if s == OAEPSHA1 {
		return sha1.New()
	}
	return sha256.New()
}

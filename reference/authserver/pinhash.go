package authserver

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// The hash of an imported token's PIN is a part of what its HMAC covers, so the host needs
// it for the time of a response. It is searched through in a moment, PINs being few: so
// in the database it is under AES-256-GCM with a key that the HSM derives for this token from
// the row key, and a copy of the database gives nothing to search. An active host that is
// logged in to the HSM can have it.

// sealPIN closes a PIN hash for the row of a token. Empty stays empty.
func (s *Server) sealPIN(ctx context.Context, session *hsm.Session, token reference.TokenID, hash []byte) ([]byte, error) {
	if len(hash) == 0 {
		return nil, nil
	}
	box, err := s.pinBox(ctx, session, token)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize(), box.NonceSize()+len(hash)+box.Overhead())
	if _, err := io.ReadFull(s.random, nonce); err != nil {
		return nil, fmt.Errorf("%w: random: %w", reference.ErrUnavailable, err)
	}
	return box.Seal(nonce, nonce, hash, nil), nil
}

// openPIN gives the PIN hash of a genuine row; the caller clears it.
func (s *Server) openPIN(ctx context.Context, session *hsm.Session, row store.Credential) ([]byte, error) {
	if len(row.PINHash) == 0 {
		return nil, nil
	}
	box, err := s.pinBox(ctx, session, row.Token)
	if err != nil {
		return nil, err
	}
	if len(row.PINHash) < box.NonceSize() {
		return nil, errTampered
	}
	hash, err := box.Open(nil, row.PINHash[:box.NonceSize()], row.PINHash[box.NonceSize():], nil)
	if err != nil {
		return nil, fmt.Errorf("PIN hash: %w", errTampered)
	}
	return hash, nil
}

// pinBox is AES-256-GCM under HMAC-SHA-256(row key, label and token).
func (s *Server) pinBox(ctx context.Context, session *hsm.Session, token reference.TokenID) (cipher.AEAD, error) {
	label, err := encoding.Marshal([]any{"epsbench PIN hash 1", token})
	if err != nil {
		return nil, err
	}
	key, err := s.mac(ctx, session, label)
	defer clear(key)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

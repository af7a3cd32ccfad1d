package hsm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
)

// Request holds the two keys of an MPP request (PROTOCOL.md §3).
type Request struct {
	Kt Key // HMAC-SHA-256, signs
	Kc Key // AES-256, wraps C
}

// The labels from which K_t and K_c are derived (PROTOCOL.md §3).
const (
	labelKt = "epsbench-mpp/2 K_t"
	labelKc = "epsbench-mpp/2 K_c"
)

// OpenRequest unwraps S and derives K_t and K_c from it. A blob that does not open, or
// an S of a wrong length, gives reference.ErrRefused *and* the keys of a decoy, so that
// the caller can go on with the same calls; with any other error there are no keys.
func (s *Session) OpenRequest(priv Key, suite Suite, blob []byte) (Request, error) {
	request, err := s.openRequest(priv, suite, blob)
	if err == nil || lost(err) {
		return request, err
	}
	decoy, decoyErr := s.h.decoy.Key(context.Background())
	if decoyErr != nil {
		return Request{}, decoyErr
	}
	request, decoyErr = s.requestKeys(decoy)
	if decoyErr != nil {
		return Request{}, decoyErr
	}
	return request, fmt.Errorf("%w: %w", reference.ErrRefused, err)
}

func (s *Session) openRequest(priv Key, suite Suite, blob []byte) (Request, error) {
	secret, err := s.OAEPUnwrap(priv, suite, blob, requestS, "")
	if err != nil {
		return Request{}, err
	}
	request, err := s.requestKeys(secret)
	return request, errors.Join(err, s.Destroy(secret))
}

func (s *Session) requestKeys(secret Key) (Request, error) {
	t, c := sha256.Sum256([]byte(labelKt)), sha256.Sum256([]byte(labelKc))
	kt, err := s.derive(secret, t[:], requestKt, keyBytes)
	if err != nil {
		return Request{}, err
	}
	kc, err := s.derive(secret, c[:], requestKc, keyBytes)
	return Request{Kt: kt, Kc: kc}, err
}

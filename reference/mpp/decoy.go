package mpp

import (
	"context"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// makeDecoy seals the row that stands in for what a refused request lacks, so that a
// refusal asks the HSM for the same work as a grant. It is in no database.
func (s *Server) makeDecoy(ctx context.Context) error {
	salt, c := make([]byte, wire.SaltSize), make([]byte, wire.KeySize)
	defer clear(c)
	if _, err := io.ReadFull(s.parts.Random, c); err != nil {
		return err
	}
	t := reference.Token{
		ID: "00000000000000000000000000", Service: "decoy", Direction: reference.Encrypt,
		TOKLength: wire.KeySize, CLength: wire.KeySize, Salt: salt, KDF: wire.KDFName, Iterations: 1,
		Suite: "HOTP-SHA256-6", PINDigits: reference.MinPINDigits,
	}
	err := s.parts.HSM.Do(ctx, func(ss *hsm.Session) error { return s.parts.Rows.Seal(ctx, ss, &t, c) })
	s.decoy = t
	return err
}

// decoyBlock is an RSA block of n random bytes that opens, under the key of a version, in
// the suite that the HSM does best.
func (s *Server) decoyBlock(version, n int) (suite uint64, block []byte, err error) {
	suites := s.parts.HSM.Suites()
	if len(suites) == 0 {
		return 0, nil, errors.New("the HSM has no OAEP suite")
	}
	secret := make([]byte, n)
	defer clear(secret)
	if _, err := io.ReadFull(s.parts.Random, secret); err != nil {
		return 0, nil, err
	}
	hash := sha256.New()
	if suites[0] == hsm.OAEPSHA1 {
		hash = sha1.New()
	}
	block, err = rsa.EncryptOAEP(hash, s.parts.Random, s.parts.Keys.MPPPublic(version), secret, nil)
	return uint64(suites[0]), block, err
}

// filler is the body of a refusal. Every request draws one, granted or not. With an
// error it is random all the same, from the operating system.
func (s *Server) filler(size int) ([]byte, error) {
	b := make([]byte, size)
	var seed [32]byte
	_, err := io.ReadFull(s.parts.Random, seed[:])
	if err != nil {
		crand.Read(b) //nolint:errcheck // never fails
		return b, fmt.Errorf("draw a refusal: %w", err)
	}
	_, err = rand.NewChaCha8(seed).Read(b)
	return b, err
}

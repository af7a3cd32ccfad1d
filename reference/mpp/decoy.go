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

// decoy stands in for what a refused request lacks, so that a refusal asks the HSM
// for the same work as a grant.
type decoy struct {
	header wire.RequestHeader
	token  reference.Token // a sealed row that is in no database
}

// attempt is a request whose S opens.
func (d decoy) attempt() *attempt {
	return &attempt{header: d.header, h1: make([]byte, sha256.Size), box: make([]byte, wire.RequestBox)}
}

// ask is a locator that nobody has: no locator holds a U.
func (d decoy) ask() wire.Ask {
	return wire.Ask{Locator: "UUUUUUUU", Code: []byte("00000000000")}
}

func (s *Server) makeDecoy(ctx context.Context) error {
	var err error
	if s.decoy.header, err = s.decoyHeader(); err != nil {
		return err
	}
	salt, c := make([]byte, wire.SaltSize), make([]byte, wire.KeySize)
	defer clear(c)
	if _, err := io.ReadFull(s.parts.Random, c); err != nil {
		return err
	}
	t := reference.Token{
		ID: "00000000000000000000000000", Service: "decoy", Format: "row-kw", Direction: reference.Encrypt,
		TOKLength: wire.KeySize, CLength: wire.KeySize, Salt: salt, KDF: wire.KDFName, Iterations: 1,
		Suite: "HOTP-SHA256-6", PINDigits: reference.MinPINDigits, DBKVersion: s.parts.Keys.CurrentDBK(),
	}
	err = s.parts.HSM.Do(ctx, func(ss *hsm.Session) error { return s.sealDecoy(ctx, ss, &t, c) })
	s.decoy.token = t
	return err
}

func (s *Server) sealDecoy(ctx context.Context, ss *hsm.Session, t *reference.Token, c []byte) error {
	dbk, err := s.parts.Keys.DBK(ctx, t.DBKVersion)
	if err != nil {
		return fmt.Errorf("DBK: %w", err)
	}
	bind, err := t.Binding()
	if err != nil {
		return err
	}
	key, err := ss.ImportC(c)
	if err != nil {
		return err
	}
	t.Sealed, err = ss.SealRow(dbk, bind, key)
	return errors.Join(err, ss.Destroy(key))
}

// decoyHeader holds an S that opens, in the suite that the HSM does best.
func (s *Server) decoyHeader() (wire.RequestHeader, error) {
	suites := s.parts.HSM.Suites()
	if len(suites) == 0 {
		return wire.RequestHeader{}, errors.New("the HSM has no OAEP suite")
	}
	secret := make([]byte, wire.KeySize)
	defer clear(secret)
	if _, err := io.ReadFull(s.parts.Random, secret); err != nil {
		return wire.RequestHeader{}, err
	}
	ephemeral, err := wire.Ephemeral(s.parts.Random)
	if err != nil {
		return wire.RequestHeader{}, err
	}
	hash := sha256.New()
	if suites[0] == hsm.OAEPSHA1 {
		hash = sha1.New()
	}
	oaep, err := rsa.EncryptOAEP(hash, s.parts.Random, s.parts.Keys.MPPPublic(), secret, nil)
	return wire.RequestHeader{
		Suite: uint64(suites[0]), Service: "decoy", EC: ephemeral.PublicKey().Bytes(), OAEP: oaep,
	}, err
}

// filler is the body of a refusal. Every request draws one, granted or not. With an
// error it is random all the same, from the operating system.
func (s *Server) filler() ([]byte, error) {
	b := make([]byte, wire.ResponseSize)
	var seed [32]byte
	_, err := io.ReadFull(s.parts.Random, seed[:])
	if err != nil {
		crand.Read(b) //nolint:errcheck // never fails
		return b, fmt.Errorf("draw a refusal: %w", err)
	}
	_, err = rand.NewChaCha8(seed).Read(b)
	return b, err
}

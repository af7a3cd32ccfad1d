package authserver

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// Seed is an OATH secret from elsewhere, wrapped for this server's HSM.
type Seed struct {
	Service reference.Service
	User    reference.User
	Suite   string
	Counter uint64 // of suites that count: the first one expected; else 0
	Length  int    // bytes of the secret itself
	Key     []byte // RSA-OAEP(import public key, import key): AES-256
	Secret  []byte // RFC 3394(import key, secret and zeros to PaddedLength)
	// Of OCRA suites with a PIN: its hash, which the caller clears, and how many digits it
	// has, which bounds the failures.
	PINHash   []byte
	PINDigits int
}

// Limits of a seed in bytes: RFC 4226 §4 R6 asks for 128 bits; a secret longer than
// the HMAC's block would be hashed, so that zeros after it would change the OTPs.
const (
	minSeed = 16
	maxSeed = 64
)

// ErrSeed is a seed that cannot be taken.
var ErrSeed = errors.New("not a seed for this server")

// PaddedLength is how long a secret of n bytes is with the zeros after it that RFC 3394
// (whole blocks of 8 bytes) and HSMs (keys as long as the HMAC) ask for. The zeros
// change no OTP (RFC 2104 §2).
func PaddedLength(suite oath.Suite, n int) int { return (max(n, suite.Hash.Size()) + 7) / 8 * 8 }

// Import takes a seed over and gives the id of its token. Neither this process nor any
// other sees it in clear. Errors: ErrSeed; reference.ErrExists if the user has a token.
func (s *Server) Import(ctx context.Context, seed Seed) (reference.TokenID, error) {
	suite, err := seed.check()
	if err != nil {
		return "", err
	}
	id, err := s.newID()
	if err != nil {
		return "", err
	}
	c := s.newCredential(reference.TokenID(id), seed.Service, seed.User, suite.String())
	c.Imported, c.TOKLength, c.Counter, c.PINDigits = true, seed.Length, seed.Counter, seed.PINDigits
	if s.policy.Locked(suite, c) {
		return "", fmt.Errorf("import: %w: its responses are too short for the window", ErrSeed)
	}
	if c.PINHash, err = s.sealedPIN(ctx, c.Token, seed.PINHash); err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	under := func(session *hsm.Session) (hsm.Key, error) { return s.importKey(ctx, session, seed.Key) }
	if c, err = s.takeOver(ctx, c, under, seed.Secret, PaddedLength(suite, seed.Length)); err != nil {
		return "", seedError(err)
	}
	err = s.insert(ctx, c, func(store.AuthTx) error { return nil })
	if errors.Is(err, errNo) {
		return "", fmt.Errorf("import: %w", reference.ErrExists)
	}
	return c.Token, err
}

func (seed *Seed) check() (oath.Suite, error) {
	suite, err := oath.ParseSuite(seed.Suite)
	if err != nil {
		return oath.Suite{}, fmt.Errorf("%w: %w", ErrSeed, err)
	}
	rules := []struct {
		ok   bool
		what string
	}{
		{plugin.IsService(seed.Service), "service"},
		{plugin.IsUser(seed.User), "user"},
		{minSeed <= seed.Length && seed.Length <= maxSeed, "length"},
		{seed.Counter <= maxCounter, "counter"},
		{seed.Counter == 0 || suite.Counts(), "counter of a suite that has none"},
		{suite.Importable() == nil, "suite"},
		{len(seed.PINHash) == hashSize(suite.Inputs.PIN), "PIN hash"},
		{(seed.PINDigits == 0) == (len(seed.PINHash) == 0), "PIN digits"},
		{seed.PINDigits == 0 || reference.MinPINDigits <= seed.PINDigits && seed.PINDigits <= reference.MaxPINDigits, "PIN digits"},
		{len(seed.Secret) == PaddedLength(suite, seed.Length)+8, "secret"},
	}
	for _, r := range rules {
		if !r.ok {
			return oath.Suite{}, fmt.Errorf("%w: %s", ErrSeed, r.what)
		}
	}
	return suite, nil
}

// hashSize is zero for no hash.
func hashSize(h crypto.Hash) int {
	if h == 0 {
		return 0
	}
	return h.Size()
}

// sealedPIN is sealPIN in a visit to the HSM.
func (s *Server) sealedPIN(ctx context.Context, token reference.TokenID, hash []byte) (sealed []byte, err error) {
	err = s.hsm.Do(ctx, func(session *hsm.Session) error {
		sealed, err = s.sealPIN(ctx, session, token, hash)
		return err
	})
	return sealed, err
}

func (s *Server) importKey(ctx context.Context, session *hsm.Session, wrapped []byte) (hsm.Key, error) {
	private, err := s.keys.ImportPrivate(ctx)
	if err != nil {
		return hsm.Key{}, fmt.Errorf("import private key: %w", err)
	}
	key, err := session.OAEPUnwrap(private, session.OAEPSuite(), wrapped, hsm.ImportKey, "")
	if err != nil {
		return hsm.Key{}, fmt.Errorf("unwrap import key: %w: %w", errNo, err)
	}
	return key, nil
}

// seedError says no more than that the seed is at fault: where the unwrapping failed
// would be an oracle for whoever alters it (RFC 8017 §7.1.2, note).
func seedError(err error) error {
	if forGood(err) {
		return fmt.Errorf("import: %w: it does not unwrap", ErrSeed)
	}
	return fmt.Errorf("import: %w", err)
}

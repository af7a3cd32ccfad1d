package authserver

import (
	"context"
	"crypto"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// maxConflicts is how often another node may win before an OTP is left unjudged.
const maxConflicts = 16

// Validate says whether otp is the user's next one, and makes sure that it never is
// again. Wrong, repeated, locked, suspended and unknown are all false. A wrong
// one is counted, durably, before Validate returns, also when ctx ends meanwhile.
// A text that cannot be an OTP of the suite is refused without being counted: it was
// compared with nothing. The error is reference.ErrUnavailable or an inner one;
// then nothing was judged.
func (s *Server) Validate(ctx context.Context, service reference.Service, user reference.User, otp string) (bool, error) {
	release, err := s.turns.take(ctx, turnOf(service, user))
	if err != nil {
		return false, fmt.Errorf("validate: %w", err)
	}
	defer release()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
	defer cancel()
	for range maxConflicts {
		accepted, err := s.try(ctx, service, user, otp)
		if !errors.Is(err, reference.ErrConflict) {
			return accepted, err
		}
	}
	return false, fmt.Errorf("validate: %w: the row keeps changing", reference.ErrUnavailable)
}

// try judges otp against the row as it is, and writes what follows if it still is.
func (s *Server) try(ctx context.Context, service reference.Service, user reference.User, otp string) (bool, error) {
	if !plugin.IsService(service) || !plugin.IsUser(user) {
		return false, s.pretend(ctx, decoyRow)
	}
	row, err := s.credentialOf(ctx, service, user)
	if errors.Is(err, reference.ErrNotFound) {
		return false, s.pretend(ctx, decoyRow)
	}
	if err != nil {
		return false, fmt.Errorf("validate: %w", err)
	}
	j, err := s.judge(ctx, row, otp)
	if errors.Is(err, errTampered) || errors.Is(err, errOld) {
		s.log.ErrorContext(ctx, "row not believed", "event", "tampered", "token", row.Token, "err", err)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("validate: %w", err)
	}
	if !j.counts {
		return false, nil
	}
	return j.accepted, s.commit(ctx, row, j.next)
}

func (s *Server) credentialOf(ctx context.Context, service reference.Service, user reference.User) (c store.Credential, err error) {
	err = s.store.View(ctx, func(tx store.AuthReader) error {
		c, err = tx.CredentialOf(service, user)
		return err
	})
	return c, err
}

// commit replaces old by next if old still stands, and tells the log what changed.
func (s *Server) commit(ctx context.Context, old, next store.Credential) error {
	err := s.store.Update(ctx, func(tx store.AuthTx) error { return tx.UpdateCredential(next) })
	if err != nil {
		return fmt.Errorf("row of token %s: %w", next.Token, err)
	}
	s.written(ctx, old, next)
	return nil
}

// written follows a committed change.
func (s *Server) written(ctx context.Context, old, next store.Credential) {
	if len(next.Blob) == 0 {
		s.toks.drop(next.Token)
	} else {
		s.toks.wrote(next.Token, next.Version)
	}
	if old.State != next.State {
		s.log.InfoContext(ctx, "token moved", "event", next.State, "token", next.Token, "from", old.State,
			"failures", next.FailedEver, "candidates", next.Candidates)
	}
}

// judgement is what one OTP does to a row.
type judgement struct {
	accepted bool
	counts   bool // next is to be written
	next     store.Credential
}

// judge compares otp with the candidates of a row, all in one visit to the HSM. A row
// that accepts nothing now, and a text that is no OTP, cost the same and change nothing.
func (s *Server) judge(ctx context.Context, row store.Credential, otp string) (j judgement, err error) {
	suite, err := oath.ParseSuite(row.Suite)
	if err != nil {
		return judgement{}, fmt.Errorf("%w: %w", errTampered, err)
	}
	if !s.testable(suite, row) || oath.CheckOTP(otp, suite.Digits) != nil {
		return judgement{}, s.pretend(ctx, row)
	}
	tok, release, err := s.toks.take(row)
	if err != nil {
		return judgement{}, err
	}
	defer release()
	err = s.hsm.Do(ctx, func(session *hsm.Session) error {
		j, err = s.judgeIn(ctx, session, row, suite, tok, otp)
		return err
	})
	return j, err
}

// testable: the row accepts OTPs, and there is one that it could accept.
func (s *Server) testable(suite oath.Suite, row store.Credential) bool {
	_, n := s.policy.Window(suite, row, s.now())
	return s.policy.InUse(row) && n > 0 && !s.policy.Locked(suite, row)
}

func (s *Server) judgeIn(ctx context.Context, session *hsm.Session, row store.Credential, suite oath.Suite, tok *held, otp string) (judgement, error) {
	if err := s.genuine(ctx, session, &row); err != nil {
		return judgement{}, err
	}
	first, n := s.policy.Window(suite, row, s.now())
	key, err := tok.handle(ctx, s.keys)
	if err != nil {
		return judgement{}, err
	}
	moving, found, err := match(session, suite, key, first, n, otp)
	if err != nil {
		return judgement{}, err
	}
	next := s.policy.Fail(row, n)
	if found {
		next = s.policy.Accept(row, moving)
	}
	next.State = s.stateByCounts(suite, next)
	next, err = s.next(ctx, session, next)
	return judgement{accepted: found, counts: true, next: next}, err
}

// stateByCounts is active or locked. A resume goes through it too: it never unlocks.
func (s *Server) stateByCounts(suite oath.Suite, c store.Credential) string {
	if s.policy.Locked(suite, c) {
		return stateLocked
	}
	return stateActive
}

// match looks for otp among n candidates from first on (RFC 4226 §7.4, RFC 6238 §5.2).
// It stops at the right one: that it was early is no secret from whoever knew it.
func match(session *hsm.Session, suite oath.Suite, key hsm.Key, first uint64, n int, otp string) (moving uint64, found bool, err error) {
	mac := func(data []byte) ([]byte, error) { return session.MAC(key, suite.Hash, data) }
	for i := range uint64(n) {
		candidate, err := suite.At(mac, first+i)
		if err != nil {
			return 0, false, err
		}
		if subtle.ConstantTimeCompare([]byte(candidate), []byte(otp)) == 1 {
			return first + i, true, nil
		}
	}
	return 0, false, nil
}

// decoyRow stands for the token of a user who has none.
var decoyRow = store.Credential{Suite: "HOTP-SHA256-6", Version: 1}

// pretend does the HSM work of a wrong OTP without testing one: the MAC of the row, a
// window of OTPs under a key that nobody has, the MAC of a next row. The answer
// would be no whatever they are.
func (s *Server) pretend(ctx context.Context, row store.Credential) error {
	return s.hsm.Do(ctx, func(session *hsm.Session) error {
		if err := s.genuine(ctx, session, &row); err != nil && row.Token != "" {
			return err
		}
		key, err := s.decoy.handle(ctx, s.keys)
		if err != nil {
			return err
		}
		suite := oath.Suite{Kind: oath.KindHOTP, Hash: crypto.SHA256, Digits: oath.MinDigits}
		_, n := s.policy.Window(suite, decoyRow, s.now())
		mac := func(data []byte) ([]byte, error) { return session.MAC(key, suite.Hash, data) }
		for i := range uint64(n) {
			if _, err := suite.At(mac, i); err != nil {
				return err
			}
		}
		_, err = s.next(ctx, session, row)
		return err
	})
}

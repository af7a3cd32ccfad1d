package authserver

import (
	"context"
	"crypto"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// trial is one try of OTPs on a row. Whatever asks for it, turn, counts and lock are the
// same: a lock that another way leads around is none.
type trial struct {
	otps   []string // in a row
	inUse  func(store.Credential) bool
	window func(s oath.Suite, c store.Credential, now time.Time) (first uint64, n int) // where they may begin
}

// maxConflicts is how often another node may win before a trial is left unjudged.
const maxConflicts = 16

// attempt makes a trial on the user's row.
func (s *Server) attempt(ctx context.Context, service reference.Service, user reference.User, t trial) (bool, error) {
	return s.untilJudged(ctx, service, user, func(ctx context.Context) (bool, error) { return s.try(ctx, service, user, t) })
}

// untilJudged gives try its user's turn, and as many goes as other nodes win. It outlasts
// the caller, who otherwise could hand in OTPs that are not counted.
func (s *Server) untilJudged(ctx context.Context, service reference.Service, user reference.User, try func(context.Context) (bool, error)) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
	defer cancel()
	release, err := s.turns.take(ctx, turnOf(service, user))
	if err != nil {
		return false, fmt.Errorf("OTP: %w: %w", reference.ErrUnavailable, err)
	}
	defer release()
	for range maxConflicts {
		accepted, err := try(ctx)
		if !errors.Is(err, reference.ErrConflict) {
			return accepted, err
		}
	}
	return false, fmt.Errorf("OTP: %w: the row keeps changing", reference.ErrUnavailable)
}

// try makes a trial on the row as it is, and writes what follows if it still is.
func (s *Server) try(ctx context.Context, service reference.Service, user reference.User, t trial) (bool, error) {
	row, err := s.credentialOf(ctx, service, user)
	if errors.Is(err, reference.ErrNotFound) {
		return false, errors.Join(s.pretend(ctx, decoyRow, t), s.leave(ctx, service, user))
	}
	if err != nil {
		return false, fmt.Errorf("OTP: %w", err)
	}
	j, err := s.judge(ctx, row, t)
	if unbelievable(err) {
		s.log.ErrorContext(ctx, "row not believed", "event", "tampered", "token", row.Token, "err", err)
		return false, s.leave(ctx, service, user)
	}
	if err != nil {
		return false, fmt.Errorf("OTP: %w", err)
	}
	if !j.counts {
		return false, s.leave(ctx, service, user)
	}
	return j.accepted, s.commit(ctx, row, j.next)
}

// leave refuses without a change of the row, and writes as much elsewhere: who is refused
// cannot tell from the time whether there was a row to count in.
func (s *Server) leave(ctx context.Context, service reference.Service, user reference.User) error {
	slot := s.turns.slot(turnOf(service, user))
	if err := s.store.Update(ctx, func(tx store.AuthTx) error { return tx.CountRefusal(slot) }); err != nil {
		return fmt.Errorf("refusal: %w", err)
	}
	return nil
}

// unbelievable: the row was changed from outside, or put back.
func unbelievable(err error) bool { return errors.Is(err, errTampered) || errors.Is(err, errOld) }

// credentialOf gives the user's row, or reference.ErrNotFound, also for what names nobody.
func (s *Server) credentialOf(ctx context.Context, service reference.Service, user reference.User) (c store.Credential, err error) {
	if !plugin.IsService(service) || !plugin.IsUser(user) {
		return c, reference.ErrNotFound
	}
	err = s.store.View(ctx, func(tx store.AuthReader) error {
		c, err = tx.CredentialOf(service, user)
		return err
	})
	return c, err
}

// commit replaces old by next if old still stands, together with what also writes, and
// tells the log what changed.
func (s *Server) commit(ctx context.Context, old, next store.Credential, also ...func(store.AuthTx) error) error {
	err := s.store.Update(ctx, func(tx store.AuthTx) error {
		for _, write := range also {
			if err := write(tx); err != nil {
				return err
			}
		}
		return tx.UpdateCredential(next)
	})
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

// judgement is what a trial does to a row.
type judgement struct {
	accepted bool
	counts   bool // next is to be written
	next     store.Credential
}

// judge compares OTPs with the candidates of a row, all in one visit to the HSM. A row
// that accepts nothing now, and a text that is no OTP, cost the same and change nothing.
func (s *Server) judge(ctx context.Context, row store.Credential, t trial) (j judgement, err error) {
	suite, err := oath.ParseSuite(row.Suite)
	if err != nil {
		return judgement{}, fmt.Errorf("%w: %w", errTampered, err)
	}
	if !s.testable(suite, row, t) {
		return judgement{}, s.pretend(ctx, row, t)
	}
	tok, release, err := s.toks.take(row)
	if err != nil {
		return judgement{}, err
	}
	defer release()
	err = s.hsm.Do(ctx, func(session *hsm.Session) error {
		j, err = s.judgeIn(ctx, session, row, suite, tok, s.matcher(suite, row, t))
		return err
	})
	return j, err
}

// matcher looks for what was handed in among the candidates of a row: the moving factor
// that it belongs to, and how many were tested.
type matcher func(session *hsm.Session, key hsm.Key) (moving uint64, tested int, found bool, err error)

func (s *Server) matcher(suite oath.Suite, row store.Credential, t trial) matcher {
	return func(session *hsm.Session, key hsm.Key) (moving uint64, tested int, found bool, err error) {
		first, n := t.window(suite, row, s.now())
		moving, found, err = match(session, suite, key, first, n, t.otps)
		return moving, n, found, err
	}
}

// testable: the row accepts OTPs, there is one that it could accept, and these are some.
func (s *Server) testable(suite oath.Suite, row store.Credential, t trial) bool {
	if suite.Kind == oath.KindOCRA {
		return false
	}
	for _, otp := range t.otps {
		if oath.CheckOTP(otp, suite.Digits) != nil {
			return false
		}
	}
	_, n := t.window(suite, row, s.now())
	return t.inUse(row) && n > 0 && !s.policy.Locked(suite, row)
}

func (s *Server) judgeIn(ctx context.Context, session *hsm.Session, row store.Credential, suite oath.Suite, tok *held, match matcher) (judgement, error) {
	if err := s.genuine(ctx, session, &row); err != nil {
		return judgement{}, err
	}
	key, err := tok.handle(ctx, s.keys)
	if err != nil {
		return judgement{}, err
	}
	moving, tested, found, err := match(session, key)
	if err != nil {
		return judgement{}, err
	}
	next := s.policy.Fail(row, tested)
	if found {
		next = s.policy.Accept(suite, row, moving, s.now())
	}
	if next, err = s.stood(next); err != nil {
		return judgement{}, err
	}
	next, err = s.next(ctx, session, next)
	return judgement{accepted: found, counts: true, next: next}, err
}

// match looks for otps in a row that begin at one of n moving factors from first on, and
// gives the moving factor of the last (RFC 4226 §7.4, RFC 6238 §5.2). It stops at the
// right ones: that they were early is no secret from whoever knew them.
func match(session *hsm.Session, suite oath.Suite, key hsm.Key, first uint64, n int, otps []string) (moving uint64, found bool, err error) {
	mac := func(data []byte) ([]byte, error) { return session.MAC(key, suite.Hash, data) }
	last := len(otps) - 1
	var begun uint // bit j: otps[0 … j] fit the candidates so far
	for i := range n + last {
		candidate, err := suite.At(mac, first+uint64(i))
		if err != nil {
			return 0, false, err
		}
		begun <<= 1
		if i < n {
			begun |= 1
		}
		for j, otp := range otps {
			if subtle.ConstantTimeCompare([]byte(candidate), []byte(otp)) != 1 {
				begun &^= 1 << j
			}
		}
		if begun>>last&1 == 1 {
			return first + uint64(i), true, nil
		}
	}
	return 0, false, nil
}

// decoyRow stands for the token of a user who has none.
var decoyRow = store.Credential{Suite: "HOTP-SHA256-6", Format: rowFormat, Version: 1}

// pretend does the HSM work of wrong OTPs without testing one: the MAC of the row, a
// window of OTPs under a key that nobody has, the MAC of a next row. The answer
// would be no whatever they are.
func (s *Server) pretend(ctx context.Context, row store.Credential, t trial) error {
	return s.hsm.Do(ctx, func(session *hsm.Session) error {
		if err := s.genuine(ctx, session, &row); err != nil && row.Token != "" {
			return err
		}
		key, err := s.decoy.handle(ctx, s.keys)
		if err != nil {
			return err
		}
		suite := oath.Suite{Kind: oath.KindHOTP, Hash: crypto.SHA256, Digits: oath.MinDigits}
		_, n := t.window(suite, decoyRow, s.now())
		if _, _, err := match(session, suite, key, 0, n, make([]string, len(t.otps))); err != nil {
			return err
		}
		_, err = s.next(ctx, session, row)
		return err
	})
}

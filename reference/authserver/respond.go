package authserver

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// Reply is a response to a challenge, with whose it is said to be.
type Reply struct {
	Challenge string
	Service   reference.Service
	User      reference.User
	Session   string // as the challenge was asked for with
	Response  string
}

// Respond says whether a reply is right, and makes sure that its challenge takes no other.
// Wrong, late, repeated, of another user or session, locked and unknown are all false. A
// wrong one counts as a wrong OTP does, and uses its challenge up. What was compared with
// nothing, because its challenge takes no response or it cannot be one, does not.
// The error is reference.ErrUnavailable or an inner one; then nothing was judged.
func (s *Server) Respond(ctx context.Context, r Reply) (bool, error) {
	return s.untilJudged(ctx, r.Service, r.User, func(ctx context.Context) (bool, error) { return s.tryReply(ctx, r) })
}

// tryReply judges a reply against both rows as they are, and writes what follows if they
// still are.
func (s *Server) tryReply(ctx context.Context, r Reply) (bool, error) {
	row, c, err := s.asked(ctx, r)
	if err != nil {
		return false, fmt.Errorf("respond: %w", err)
	}
	j, used, err := s.judgeReply(ctx, row, c, r)
	if unbelievable(err) {
		s.log.ErrorContext(ctx, "row not believed", "event", "tampered", "token", row.Token, "err", err)
		return false, s.leave(ctx, r.Service, r.User)
	}
	if err != nil {
		return false, fmt.Errorf("respond: %w", err)
	}
	if !j.counts {
		return false, s.leave(ctx, r.Service, r.User)
	}
	return j.accepted, s.commit(ctx, row, j.next, func(tx store.AuthTx) error { return tx.UseChallenge(used) })
}

// asked reads token and challenge as one. What is not there is a zero row.
func (s *Server) asked(ctx context.Context, r Reply) (row store.Credential, c store.Challenge, err error) {
	err = s.store.View(ctx, func(tx store.AuthReader) error {
		if plugin.IsService(r.Service) && plugin.IsUser(r.User) {
			if row, err = tx.CredentialOf(r.Service, r.User); ignoreMissing(err) != nil {
				return err
			}
		}
		if reference.TokenID(r.Challenge).Check() == nil { // spelled as a token's id is
			c, err = tx.Challenge(r.Challenge)
		}
		return ignoreMissing(err)
	})
	return row, c, err
}

// judgeReply compares a response with the candidates of its challenge, in one visit to
// the HSM. What takes no response now, and a text that is none, cost about the same and
// change nothing.
func (s *Server) judgeReply(ctx context.Context, row store.Credential, c store.Challenge, r Reply) (j judgement, used store.Challenge, err error) {
	suite, err := oath.ParseSuite(or(row.Suite, decoyRow.Suite))
	if err != nil {
		return judgement{}, used, fmt.Errorf("%w: %w", errTampered, err)
	}
	if suite.Kind != oath.KindOCRA || !s.answers(suite, row) || suite.CheckResponse(r.Response) != nil ||
		!s.policy.Answerable(c, row.Token, r.Session, s.now()) {
		return judgement{}, used, s.pretendReply(ctx, row, c)
	}
	tok, release, err := s.toks.take(row)
	if err != nil {
		return judgement{}, used, err
	}
	defer release()
	err = s.hsm.Do(ctx, func(session *hsm.Session) error {
		if err := s.genuineChallenge(ctx, session, &c); err != nil {
			return err
		}
		if j, err = s.judgeIn(ctx, session, row, suite, tok, s.replyMatch(ctx, suite, row, c, r.Response)); err != nil {
			return err
		}
		used, err = s.used(ctx, session, c)
		return err
	})
	return j, used, err
}

// answers: the row takes responses, and there is one that it could take.
func (s *Server) answers(suite oath.Suite, row store.Credential) bool {
	_, n := s.policy.Window(suite, row, s.now())
	return s.policy.InUse(row) && n > 0 && !s.policy.Locked(suite, row)
}

// replyMatch looks for a response among the counters and time steps of the row.
func (s *Server) replyMatch(ctx context.Context, suite oath.Suite, row store.Credential, c store.Challenge, response string) matcher {
	return func(session *hsm.Session, key hsm.Key) (moving uint64, tested int, found bool, err error) {
		pin, err := s.openPIN(ctx, session, row)
		defer clear(pin)
		if err != nil {
			return 0, 0, false, err
		}
		mac := func(data []byte) ([]byte, error) { return session.MAC(key, suite.Hash, data) }
		candidates := s.candidates(suite, row)
		for _, at := range candidates {
			right, err := s.ocra(suite, mac, oath.Input{
				Counter: at.counter, Step: at.step, PIN: pin,
				Questions: questionsOf(c.Question, c.Client), Session: sessionOf(suite, c.Session),
			})
			if err != nil {
				return 0, 0, false, err
			}
			if subtle.ConstantTimeCompare([]byte(right), []byte(response)) == 1 {
				return at.moving, len(candidates), true, nil
			}
		}
		return 0, len(candidates), false, nil
	}
}

// candidate is where a response may stand. What moves the row is the counter, or else the step.
type candidate struct{ moving, counter, step uint64 }

func (s *Server) candidates(suite oath.Suite, row store.Credential) (all []candidate) {
	first, n := s.policy.Window(suite, row, s.now())
	for m := first; m < first+uint64(n); m++ {
		if !suite.Counts() {
			all = append(all, candidate{moving: m, step: m})
			continue
		}
		from, steps := uint64(0), 1
		if suite.Period > 0 {
			from, steps = s.policy.Steps(suite, s.now())
		}
		for step := from; step < from+uint64(steps); step++ {
			all = append(all, candidate{moving: m, counter: m, step: step})
		}
	}
	return all
}

// pretendReply does the HSM work of a wrong response without testing one: the MACs of
// both rows, responses under a key that nobody has, the MACs of both next rows.
func (s *Server) pretendReply(ctx context.Context, row store.Credential, c store.Challenge) error {
	suite := s.asking.nobodys
	suite.Hash = decoyHash
	in := oath.Input{Questions: []string{strings.Repeat("0", suite.Inputs.Question.Length)}}
	return s.hsm.Do(ctx, func(session *hsm.Session) error {
		key, err := s.decoy.handle(ctx, s.keys)
		if err != nil {
			return err
		}
		mac := func(data []byte) ([]byte, error) { return session.MAC(key, suite.Hash, data) }
		for range s.candidates(suite, store.Credential{}) {
			if _, err := s.ocra(suite, mac, in); err != nil {
				return err
			}
		}
		for range 2 { // as they are, and as they would be
			if _, err := s.rowMAC(ctx, session, &row); err != nil {
				return err
			}
			if _, err := s.challengeMAC(ctx, session, &c); err != nil {
				return err
			}
		}
		return nil
	})
}

package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// Challenges says how questions are put. The zero value is the default.
type Challenges struct {
	// Suite is whose questions users get who have no token for challenges, so that nobody
	// learns who has one. Best is the suite of most. Empty: OCRA-1:HOTP-SHA256-8:QH64-T30S.
	Suite    string        `yaml:"suite"`
	Validity time.Duration `yaml:"validity"` // of a challenge: at most, and by default, 5 minutes
}

const (
	defaultChallenges = "OCRA-1:HOTP-SHA256-8:QH64-T30S"
	maxValidity       = 5 * time.Minute
	maxSession        = 512 // bytes, as RFC 6287 §5.1 has it
	maxDraws          = 16  // of a question that a token was not asked yet
)

// asking is what Challenges say, read.
type asking struct {
	nobodys  oath.Suite // of users who have no token for challenges
	validity time.Duration
}

func (c Challenges) complete() (asking, error) {
	suite, err := oath.ParseSuite(or(c.Suite, defaultChallenges))
	a := asking{suite.Server(), or(c.Validity, maxValidity)}
	switch {
	case err != nil:
		return a, fmt.Errorf("challenges: %w", err)
	case suite.Kind != oath.KindOCRA || suite.Inputs.Session > 0 || suite.Hash.Size() > decoyBytes:
		return a, errors.New("challenges: suite must be one of OCRA with SHA1 or SHA256, without session information")
	case a.validity < 0 || a.validity > maxValidity:
		return a, fmt.Errorf("challenges: validity is %v: it can be lowered only, from %v", a.validity, maxValidity)
	}
	return a, nil
}

// Ask is what a challenge is asked for with. The last four may be empty.
type Ask struct {
	Service  reference.Service
	User     reference.User
	Question string        // registered by the bank, as data to be signed; empty: drawn here
	Client   string        // the client's own question, for a server response (RFC 6287 §7.2)
	Session  string        // what the response has to come with; a part of it where the suite has one
	Validity time.Duration // zero: the configured one, which is the longest
}

// Challenge is a question that waits for its response.
type Challenge struct {
	ID             string
	Question       string
	ServerResponse string // to the client's question, where there was one
	Expires        time.Time
}

var (
	// ErrAsk is a question, or session information, that the suite does not take.
	ErrAsk = errors.New("question, client_question or session do not fit the suite of the user's token")
	// ErrAsked is a question that the token was asked before.
	ErrAsked = errors.New("the token was asked this before")
)

// Challenge puts a question to a user's token: drawn here, or the bank's own. Users without
// a token for challenges are asked in the same way, and no response will be right.
//
// There is a server response for imported tokens only. For a token of an EPS it is one that
// no phone would believe: whoever holds the phone could try PINs against a true one.
// Errors: ErrAsk, ErrAsked for a question of the bank's, reference.ErrUnavailable.
func (s *Server) Challenge(ctx context.Context, a Ask) (Challenge, error) {
	row, suite, err := s.whom(ctx, a.Service, a.User)
	if err != nil {
		return Challenge{}, fmt.Errorf("challenge: %w", err)
	}
	c, err := s.ask(ctx, question{Ask: a, row: row, suite: suite, drawn: a.Question == ""})
	if unbelievable(err) {
		s.log.ErrorContext(ctx, "row not believed", "event", "tampered", "token", row.Token, "err", err)
		c, err = s.ask(ctx, question{Ask: a, suite: s.asking.nobodys, drawn: a.Question == ""})
	}
	if err != nil {
		return Challenge{}, fmt.Errorf("challenge: %w", err)
	}
	return c, nil
}

// ask draws until there is a question that the token was not asked. One of the bank's is, or is not.
func (s *Server) ask(ctx context.Context, q question) (Challenge, error) {
	if err := s.checkAsk(q.suite, q.Ask); err != nil {
		return Challenge{}, err
	}
	for range maxDraws {
		c, err := s.put(ctx, q)
		if !errors.Is(err, reference.ErrExists) {
			return c, err
		}
		if !q.drawn {
			break
		}
	}
	return Challenge{}, ErrAsked
}

// whom finds the token that is asked, and its suite: a row without a token stands for users
// who have none for challenges.
func (s *Server) whom(ctx context.Context, service reference.Service, user reference.User) (store.Credential, oath.Suite, error) {
	if !plugin.IsService(service) || !plugin.IsUser(user) {
		return store.Credential{}, s.asking.nobodys, nil
	}
	row, err := s.credentialOf(ctx, service, user)
	if err != nil {
		return store.Credential{}, s.asking.nobodys, ignoreMissing(err)
	}
	suite, err := oath.ParseSuite(row.Suite)
	if err != nil || suite.Kind != oath.KindOCRA {
		return store.Credential{}, s.asking.nobodys, nil
	}
	return row, suite, nil
}

// checkAsk: a question is as long as its response (RFC 6287 §8.2, IC4). The client's has
// full length and, as a number, no zero before it, so that none of its server responses
// is the response to a shorter question.
func (s *Server) checkAsk(suite oath.Suite, a Ask) error {
	q := suite.Inputs.Question
	session := len(a.Session) <= maxSession && (a.Session == "" || isPrintable(a.Session))
	if suite.Inputs.Session > 0 {
		session = session && suite.CheckSession([]byte(a.Session)) == nil
	}
	rules := []bool{
		a.Question == "" || q.Check(a.Question) == nil && len(a.Question) >= suite.Digits,
		a.Client == "" || q.Check(a.Client) == nil && len(a.Client) == q.Length,
		a.Client == "" || q.Format != oath.Numeric || a.Client[0] != '0',
		session,
		0 <= a.Validity && a.Validity <= s.asking.validity,
	}
	for _, holds := range rules {
		if !holds {
			return ErrAsk
		}
	}
	return nil
}

func isPrintable(text string) bool {
	return strings.ToValidUTF8(text, "") == text && strings.IndexFunc(text, unprintable) < 0
}

// question is an Ask on its way to a challenge.
type question struct {
	Ask
	row   store.Credential
	suite oath.Suite
	drawn bool
}

// put draws what is to be drawn and keeps the challenge. reference.ErrExists: the token was
// asked that before.
func (s *Server) put(ctx context.Context, q question) (Challenge, error) {
	id, err := s.newID()
	if err != nil {
		return Challenge{}, err
	}
	if q.drawn {
		if q.Question, err = s.questions(s.random, q.suite.Inputs.Question); err != nil {
			return Challenge{}, fmt.Errorf("%w: %w", reference.ErrUnavailable, err)
		}
	}
	asked := sha256.Sum256(q.suite.Inputs.Question.Encode(questionsOf(q.Question, q.Client)...))
	expires := s.now().Add(or(q.Validity, s.asking.validity))
	c := store.Challenge{
		ID: id, Token: q.row.Token, Question: q.Question, Client: q.Client, Session: q.Session,
		Asked: asked[:], Expires: expires, KeptUntil: keptUntil(q, expires),
	}
	response, err := s.complete(ctx, q, &c)
	if err != nil {
		return Challenge{}, err
	}
	if err := s.insertChallenge(ctx, c); err != nil {
		return Challenge{}, err
	}
	s.log.InfoContext(ctx, "challenge made", "event", "asked", "token", c.Token, "challenge", id, "drawn", q.drawn)
	return Challenge{ID: id, Question: q.Question, ServerResponse: response, Expires: expires}, nil
}

// never is when challenges are forgotten of tokens where nothing moves: the response to a
// repeated question would be the same for ever.
var never = time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)

// keptUntil: a question is not repeated while a response to it could still be right, however
// the token's clock is off.
func keptUntil(q question, expires time.Time) time.Time {
	if q.row.Token != "" && !q.suite.Moves() {
		return never
	}
	return expires.Add((2*(maxDrift+maxOffset) + 1) * q.suite.Period)
}

// complete does what the HSM has to do for a challenge: the check of the token's row, or
// a stand-in for it; the server's response; the MAC.
func (s *Server) complete(ctx context.Context, q question, c *store.Challenge) (response string, err error) {
	key, release, err := s.responder(q)
	if err != nil {
		return "", err
	}
	defer release()
	err = s.hsm.Do(ctx, func(session *hsm.Session) error {
		if q.row.Token == "" {
			if c.Token, err = s.nobody(ctx, session, q.Ask); err != nil {
				return err
			}
		} else if err := s.genuine(ctx, session, &q.row); err != nil {
			return err
		}
		if q.Client != "" {
			if response, err = s.serverResponse(ctx, session, q, key); err != nil {
				return err
			}
		}
		c.MAC, err = s.challengeMAC(ctx, session, c)
		return err
	})
	return response, err
}

// responder is the key of the server's response: of an imported token its own, else one
// that nobody has.
func (s *Server) responder(q question) (key *held, release func(), err error) {
	if q.Client == "" || !q.row.Imported || len(q.row.Blob) == 0 {
		return s.decoy, func() {}, nil
	}
	return s.toks.take(q.row)
}

// serverResponse is RS of RFC 6287 §7.2 and §7.3.2: the client's question first, no PIN.
func (s *Server) serverResponse(ctx context.Context, session *hsm.Session, q question, from *held) (string, error) {
	suite := q.suite.Server()
	if from == s.decoy {
		suite.Hash = decoyHash
	}
	key, err := from.handle(ctx, s.keys)
	if err != nil {
		return "", err
	}
	in := oath.Input{Counter: q.row.Counter, Questions: questionsOf(q.Client, q.Question), Session: sessionOf(suite, q.Session), Step: suite.Step(s.now())}
	return s.ocra(suite, func(data []byte) ([]byte, error) { return session.MAC(key, suite.Hash, data) }, in)
}

// nobody is the token that is asked in place of a user's who has none: always the same, so
// that a question is not put to that user twice either.
func (s *Server) nobody(ctx context.Context, session *hsm.Session, a Ask) (reference.TokenID, error) {
	data, err := encoding.Marshal([]any{"epsbench nobody 1", a.Service, a.User})
	if err != nil {
		return "", err
	}
	mac, err := s.mac(ctx, session, data)
	if err != nil {
		return "", err
	}
	return reference.TokenID(crockford.EncodeToString(mac[:16])), nil
}

// insertChallenge keeps a challenge. Now and then it forgets those whose time is over first,
// for good: the insert may fail.
func (s *Server) insertChallenge(ctx context.Context, c store.Challenge) error {
	if now := s.now(); s.sweeps.due(now) {
		if err := s.store.Update(ctx, func(tx store.AuthTx) error { return tx.ForgetChallenges(now) }); err != nil {
			return fmt.Errorf("forget challenges: %w", err)
		}
	}
	return s.store.Update(ctx, func(tx store.AuthTx) error { return tx.InsertChallenge(c) })
}

// questionsOf are those of an input: theirs, then one's own, if there is one.
func questionsOf(theirs, own string) []string {
	if own == "" {
		return []string{theirs}
	}
	return []string{theirs, own}
}

// sessionOf is the part of an input that session information has.
func sessionOf(suite oath.Suite, session string) []byte {
	if suite.Inputs.Session == 0 {
		return nil
	}
	return []byte(session)
}

// Questions draws a question of a suite.
type Questions func(random io.Reader, q oath.Question) (string, error)

// OCRA computes a response.
type OCRA func(s oath.Suite, mac oath.MAC, in oath.Input) (string, error)

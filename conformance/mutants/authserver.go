package mutants

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// challenges are the mutants of the claims that family authserver judges.
var challenges = []Mutant{
	{
		Name:   "authentication server speaks TLS 1.0",
		About:  "The listener for challenges and OTPs takes versions from TLS 1.0 on.",
		Claims: []string{"RGS-C-5"},
		Reason: "auth speaks TLS 1.0",
		Break: func(s *Seams) {
			s.TLS = func(listener string, c *tls.Config) {
				if listener == "auth" {
					c.MinVersion = tls.VersionTLS10
					c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA)
				}
			}
		},
	},
	{
		Name:   "challenges are counted",
		About:  "The authentication server asks numbers in a row.",
		Claims: []string{"RGS-C-4"},
		Reason: "chi-square test of the characters",
		Break: func(s *Seams) {
			var n atomic.Int64
			withQuestions(func() authserver.Questions {
				return func(_ io.Reader, q oath.Question) (string, error) {
					return fmt.Sprintf("%0*d", q.Length, n.Add(1)), nil
				}
			})(s)
		},
	},
	{
		Name:   "challenges of a generator with a fixed seed",
		About:  "The authentication server draws from a generator that starts anew with the server.",
		Claims: []string{"RGS-C-4"},
		Reason: "a challenge comes a second time",
		Break: withQuestions(func() authserver.Questions {
			source := rand.NewChaCha8([32]byte{1})
			return func(_ io.Reader, q oath.Question) (string, error) { return q.Draw(source) }
		}),
	},
	{
		Name:   "suites are enrolled as they come",
		About:  "The bank's listener takes a suite in which nothing moves, and enrols another for it.",
		Claims: []string{"RGS-C-6"},
		Reason: "QN08 is enrolled",
		Break:  func(s *Seams) { s.Wrap = on("bank", timestamped) },
	},
	{
		Name:   "challenges are forgotten when the next is made",
		About:  "The authentication server remembers no question any longer than until the next one.",
		Claims: []string{"RGS-C-6"},
		Reason: "the same question is put twice",
		Break:  onChallenges(func(tx *challengeTx) { tx.forgets = true }),
	},
	{
		Name:   "every challenge is forgotten in time",
		About:  "The authentication server forgets the questions of a token in which nothing moves like others.",
		Claims: []string{"RGS-C-6"},
		Reason: "where nothing moves a question is put again",
		Break:  onChallenges(func(tx *challengeTx) { tx.forgetsAll = true }),
	},
	{
		Name:   "challenges are not used up",
		About:  "A response leaves its challenge as it was.",
		Claims: []string{"RGS-C-11", "RFC6287-7.1"},
		Reason: "accepted a second time",
		Break:  onChallenges(func(tx *challengeTx) { tx.reuses = true }),
	},
	{
		Name:   "challenges are anyone's",
		About:  "The authentication server does not look at whose challenge a response is to.",
		Claims: []string{"RGS-C-11"},
		Reason: "the response to another user's challenge is accepted",
		Break: withAnswerable(func(p authserver.Policy, c store.Challenge, _ reference.TokenID, session string, now time.Time) bool {
			return p.Answerable(c, c.Token, session, now)
		}),
	},
	{
		Name:   "challenges of any session",
		About:  "The authentication server does not look at the session that a response comes in.",
		Claims: []string{"RGS-C-11"},
		Reason: "a response in another session is accepted",
		Break: withAnswerable(func(p authserver.Policy, c store.Challenge, token reference.TokenID, _ string, now time.Time) bool {
			return p.Answerable(c, token, c.Session, now)
		}),
	},
	{
		Name:   "challenges without an end",
		About:  "The authentication server does not look at when a challenge expires.",
		Claims: []string{"RGS-C-11"},
		Reason: "after its challenge has expired",
		Break: withAnswerable(func(p authserver.Policy, c store.Challenge, token reference.TokenID, session string, _ time.Time) bool {
			return p.Answerable(c, token, session, c.Expires.Add(-time.Second))
		}),
	},
	{
		Name:   "session information left out",
		About:  "The authentication server computes responses over zeros where session information should be.",
		Claims: []string{"RGS-C-11"},
		Reason: "the response in the session that was asked is refused",
		Break: withOCRA(func(s oath.Suite, mac oath.MAC, in oath.Input) (string, error) {
			in.Session = make([]byte, len(in.Session))
			return s.Response(mac, in)
		}),
	},
}

// withQuestions has the server draw in another way, made anew at each start.
func withQuestions(make func() authserver.Questions) func(*Seams) {
	return func(s *Seams) { s.Validation = func(p *authserver.Parts) { p.Questions = make() } }
}

// answerable is a policy with another view of which challenges take a response.
type answerable struct {
	authserver.Policy
	judge func(p authserver.Policy, c store.Challenge, token reference.TokenID, session string, now time.Time) bool
}

func (p answerable) Answerable(c store.Challenge, token reference.TokenID, session string, now time.Time) bool {
	return p.judge(p.Policy, c, token, session, now)
}

func withAnswerable(judge func(authserver.Policy, store.Challenge, reference.TokenID, string, time.Time) bool) func(*Seams) {
	return withPolicy(func(p authserver.Policy) authserver.Policy { return answerable{p, judge} })
}

// timestamped gives a suite without one a timestamp before it is enrolled.
func timestamped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := strings.Replace(string(bodyOf(r)), `:QN08"`, `:QN08-T30S"`, 1)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		h.ServeHTTP(w, r)
	})
}

// challengeStore keeps challenges in another way.
type challengeStore struct {
	store.AuthServer
	change func(*challengeTx)
}

func (s challengeStore) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	return s.AuthServer.Update(ctx, func(tx store.AuthTx) error {
		t := &challengeTx{AuthTx: tx}
		s.change(t)
		return fn(t)
	})
}

type challengeTx struct {
	store.AuthTx
	forgets, forgetsAll, reuses bool
}

func (t *challengeTx) ForgetChallenges(keptUntil time.Time) error {
	if t.forgetsAll {
		keptUntil = keptUntil.AddDate(9000, 0, 0)
	}
	return t.AuthTx.ForgetChallenges(keptUntil)
}

func (t *challengeTx) InsertChallenge(c store.Challenge) error {
	if t.forgets {
		if err := t.ForgetChallenges(c.KeptUntil.AddDate(1, 0, 0)); err != nil {
			return err
		}
	}
	return t.AuthTx.InsertChallenge(c)
}

func (t *challengeTx) UseChallenge(c store.Challenge) error {
	if t.reuses {
		return nil
	}
	return t.AuthTx.UseChallenge(c)
}

func onChallenges(change func(*challengeTx)) func(*Seams) {
	return func(s *Seams) {
		s.AuthStore = func(st store.AuthServer) store.AuthServer { return challengeStore{st, change} }
	}
}

package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

var attackedOTPs = []Mutant{
	{
		Name:   "a row that another node has changed counts as written",
		About:  "The authentication server does not see that its row was changed meanwhile.",
		Claims: []string{"ATK-08"},
		Reason: "equal OTPs over two nodes that are accepted",
		Break:  overlooking,
	},
	{
		Name:   "a failure in a conflict is not counted again",
		About:  "A failure whose transaction was taken back for another node's is taken for counted.",
		Claims: []string{"ATK-11"},
		Reason: "at the same time on two nodes the right OTP is accepted",
		Break:  overlooking,
	},
	{
		Name:   "a change is given up at the first conflict",
		About:  "What a transaction did that was rolled back is not done again: the caller gets an error, and the failure is forgotten (CVE-2026-35597).",
		Claims: []string{"ATK-11"},
		Reason: "failures whose transactions were taken back the right OTP is accepted",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return once{st} }
		},
	},
	{
		Name:   "what cannot be written is accepted all the same",
		About:  "A right OTP is accepted though the database has given up on its use.",
		Claims: []string{"ATK-11"},
		Reason: "whose use could not be written",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return unbothered{st} }
		},
	},
	{
		Name:   "white space is trimmed",
		About:  "An OTP with white space around or in it is judged without.",
		Claims: []string{"ATK-09"},
		Reason: "an unused OTP, with a",
		Break:  func(s *Seams) { s.Wrap = rewriting(func(in *login) { in.OTP = unspaced(in.OTP) }) },
	},
	{
		Name:   "used OTPs are remembered as they were spelt",
		About:  "An OTP is judged in plain digits, and used ones are found by the text that came (CVE-2025-6014).",
		Claims: []string{"ATK-09"},
		Reason: "a used OTP, with a",
		Break: func(s *Seams) {
			withPolicy(func(p authserver.Policy) authserver.Policy {
				return accepting{p, func(before, after store.Credential) store.Credential { after.Counter = before.Counter; return after }}
			})(s)
			used := sync.Map{}
			s.Wrap = rewriting(func(in *login) {
				if _, again := used.LoadOrStore(in.User+"\x00"+in.OTP, true); again {
					in.OTP = "-"
				}
				in.OTP = unspaced(in.OTP)
			})
		},
	},
	{
		Name:   "names of users are folded",
		About:  "A user is found under capitals, and with spaces around his name.",
		Claims: []string{"ATK-09"},
		Reason: "the OTP is accepted for the user's name in capitals",
		Break: func(s *Seams) {
			s.Wrap = rewriting(func(in *login) { in.User = strings.ToLower(in.User) })
		},
	},
	{
		Name:   "the count ends with the caller",
		About:  "A change of a row is given up when the caller has hung up.",
		Claims: []string{"ATK-11"},
		Reason: "whose callers hung up the right OTP is accepted",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return attached{st} }
			s.Wrap = func(_ string, h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, r.Context())))
				})
			}
		},
	},
}

// slow is how long a database elsewhere takes, so that a race is there to be lost.
const slow = 20 * time.Millisecond

func overlooking(s *Seams) {
	s.AuthStore = func(st store.AuthServer) store.AuthServer { return overlooked{st} }
}

type overlooked struct{ store.AuthServer }

func (s overlooked) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	mpp.SystemWaiter{}.Sleep(ctx, slow)
	err := s.AuthServer.Update(ctx, fn)
	if errors.Is(err, reference.ErrConflict) {
		return nil
	}
	return err
}

// once runs a change in its first transaction alone.
type once struct{ store.AuthServer }

func (s once) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	done := false
	return s.AuthServer.Update(ctx, func(tx store.AuthTx) error {
		if done {
			return reference.ErrUnavailable
		}
		done = true
		return fn(tx)
	})
}

// unbothered takes a change that was given up for made.
type unbothered struct{ store.AuthServer }

func (s unbothered) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	if err := s.AuthServer.Update(ctx, fn); !errors.Is(err, reference.ErrUnavailable) {
		return err
	}
	return nil
}

// attached lets a transaction live as long as the call that it is for.
type attached struct{ store.AuthServer }

type callerKey struct{}

func (s attached) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	if caller, ok := ctx.Value(callerKey{}).(context.Context); ok {
		mpp.SystemWaiter{}.Sleep(ctx, slow)
		if caller.Err() != nil {
			return reference.ErrUnavailable
		}
	}
	return s.AuthServer.Update(ctx, fn)
}

// login is the body of a validation.
type login struct {
	Service string `json:"service"`
	User    string `json:"user"`
	OTP     string `json:"otp"`
}

// rewriting changes what is validated before the server reads it.
func rewriting(change func(*login)) func(string, http.Handler) http.Handler {
	return func(listener string, h http.Handler) http.Handler {
		if listener != "auth" {
			return h
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/validate" {
				var in login
				body, _ := io.ReadAll(r.Body) // what is cut short is refused behind
				if json.Unmarshal(body, &in) == nil {
					change(&in)
					body, _ = json.Marshal(in) // texts
				}
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			}
			h.ServeHTTP(w, r)
		})
	}
}

// unspaced leaves out white space.
func unspaced(otp string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, otp)
}

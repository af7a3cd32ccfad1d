package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// pinAnswer are the mutants whose answers tell more than yes or no.
var pinAnswer = []Mutant{
	{
		Name:   "refusals count down",
		About:  "A refused OTP is told how many tries are left.",
		Claims: []string{"ST-6.1-b", "ST-6.1-e"},
		Reason: "different answers",
		Break: func(s *Seams) {
			s.Wrap = refusing(func(failures int) (int, string) {
				return http.StatusOK, fmt.Sprintf(`{"accepted":false,"tries_left":%d}`, max(0, 3-failures))
			})
		},
	},
	{
		Name:   "blocked users are told so",
		About:  "After three refusals a user's OTPs are answered with the status 423.",
		Claims: []string{"RGS-C-1"},
		Reason: "a user who is locked gets another answer",
		Break: func(s *Seams) {
			s.Wrap = refusing(func(failures int) (int, string) {
				if failures > 3 {
					return http.StatusLocked, `{"accepted":false}`
				}
				return http.StatusOK, `{"accepted":false}`
			})
		},
	},
	{
		Name:   "unknown users are an error",
		About:  "The authentication server takes a user without a token for a failure of its database.",
		Claims: []string{"RGS-C-1"},
		Reason: "answers of users who are unknown",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return alarmed{st} }
		},
	},
	{
		Name:   "one operator unlocks",
		About:  "The confirmation of an unlock does not look at who has asked for it.",
		Claims: []string{"RGS-RecomTauxFausseAcceptation"},
		Reason: "one operator confirms an unlock of his own",
		Break: takingCallersFor("auth", "operator-b", func(h http.Handler, r, as *http.Request, w http.ResponseWriter) {
			if !strings.HasSuffix(r.URL.Path, "/confirm") {
				as = r
			}
			h.ServeHTTP(w, as)
		}),
	},
}

// refusing answers refused OTPs of the validation route with status and body of choice, by
// the number of refusals that the user has had.
func refusing(say func(failures int) (status int, body string)) func(string, http.Handler) http.Handler {
	var mu sync.Mutex
	failures := map[string]int{}
	return func(listener string, h http.Handler) http.Handler {
		if listener != "auth" {
			return h
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user := userOf(r)
			kept := &keptAnswer{ResponseWriter: w}
			h.ServeHTTP(kept, r)
			status, body := kept.status, kept.body.String()
			if strings.Contains(body, `"accepted":false`) {
				mu.Lock()
				failures[user]++
				status, body = say(failures[user])
				mu.Unlock()
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) // the caller has gone
		})
	}
}

// userOf reads whom a validation is about, and leaves the request as it was.
func userOf(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) // what is cut short is refused behind
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct{ Service, User string }
	_ = json.Unmarshal(body, &in)
	return in.Service + "/" + in.User
}

// keptAnswer holds an answer back.
type keptAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *keptAnswer) WriteHeader(status int) { k.status = status }
func (k *keptAnswer) Write(b []byte) (int, error) {
	if k.status == 0 {
		k.status = http.StatusOK
	}
	return k.body.Write(b)
}

// alarmed is a database whose reads do not say ErrNotFound for a user.
type alarmed struct{ store.AuthServer }

func (s alarmed) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.AuthServer.View(ctx, func(tx store.AuthReader) error { return fn(alarmedReader{tx}) })
}

type alarmedReader struct{ store.AuthReader }

func (tx alarmedReader) CredentialOf(service reference.Service, user reference.User) (store.Credential, error) {
	c, err := tx.AuthReader.CredentialOf(service, user)
	if errors.Is(err, reference.ErrNotFound) {
		err = errors.New("no row")
	}
	return c, err
}

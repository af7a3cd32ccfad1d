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
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

// away are the mutants of outages.
var away = []Mutant{
	{
		Name: "outage: calls to the HSM have no bound", About: "A server waits for its HSM as long as that takes.",
		Claims: []string{"OUT-HSM-silent"}, Reason: "not answered in time",
		Break: func(s *Seams) { s.HSM = func(c *hsm.Config) { c.Patience = time.Hour } },
	},
	{
		Name: "outage: the first removal is for ever", About: "A server that has lost its token does not look for it again.",
		Claims: []string{"OUT-HSM-gone"}, Reason: "although its parts are back",
		Break: func(s *Seams) { s.Module = func(_ string, m cryptoki.Module) cryptoki.Module { return forEver(m) } },
	},
	{
		Name: "outage: no login but the first", About: "A server logs in to its HSM once.",
		Claims: []string{"OUT-HSM-login"}, Reason: "although its parts are back",
		Break: func(s *Seams) {
			s.Module = func(_ string, m cryptoki.Module) cryptoki.Module { return &loggedInOnce{Module: m} }
		},
	},
	{
		Name: "outage: no session but the first ones", About: "A server that has lost its sessions opens no others.",
		Claims: []string{"OUT-HSM-session"}, Reason: "although its parts are back",
		Break: func(s *Seams) {
			s.Module = func(_ string, m cryptoki.Module) cryptoki.Module { return noMoreSessions(m) }
		},
	},
	{
		Name: "outage: readiness does not try to write", About: "A server is ready where its database can be read.",
		Claims: []string{"OUT-DB-readonly", "OUT-DB-full", "OUT-DB-locked"}, Reason: "is true without its store",
		Break: func(s *Seams) {
			s.Store = func(st store.EPS) store.EPS { return trusting{st} }
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return trustingAuth{st} }
		},
	},
	{
		Name: "outage: the refusal tells why", About: "The answer to a bank repeats the inner error.",
		Claims: []string{"OUT-HSM-gone", "OUT-DB-readonly"}, Reason: "tells something of the inside",
		Break: func(s *Seams) { s.Wrap = func(_ string, h http.Handler) http.Handler { return telling(h) } },
	},
	{
		Name: "outage: an answer before the commit", About: "The EPS acknowledges what its database has not taken.",
		Claims: []string{"OUT-DB-readonly", "OUT-DB-locked"}, Reason: "acknowledged without the part",
		Break: func(s *Seams) { s.Store = func(st store.EPS) store.EPS { return hasty{st} } },
	},
	{
		Name: "outage: a database that was lost stays lost", About: "The EPS does not look again for a database that has failed it once.",
		Claims: []string{"OUT-DB-stop"}, Reason: "although its parts are back",
		Break: func(s *Seams) { s.Store = func(st store.EPS) store.EPS { return &resigned{EPS: st} } },
	},
	{
		Name: "outage: what cannot be looked up is not there", About: "The EPS takes a database that does not answer for one without rows.",
		Claims: []string{"OUT-DB-kill", "OUT-DB-network"}, Reason: "the answer has status 404, not 503",
		Break: func(s *Seams) { s.Store = func(st store.EPS) store.EPS { return blind{st} } },
	},
	{
		Name: "outage: the database is waited for", About: "The EPS asks its database until that answers, and has its callers wait.",
		Claims: []string{"OUT-DB-silent"}, Reason: "not answered in time",
		Break: func(s *Seams) {
			s.Config = func(c *server.Config) { c.Limits.Patience = time.Hour }
			s.Store = func(st store.EPS) store.EPS { return devoted{st} }
		},
	},
	{
		Name: "outage: an OTP that could not be judged counts", About: "The authentication server counts a failure for every OTP that its HSM did not answer for.",
		Claims: []string{"OUT-HSM-gone", "OUT-HSM-silent"}, Reason: "a failure was counted while the part was away",
		Break: func(s *Seams) {
			b := &blaming{blamed: map[reference.User]int{}}
			s.Validation, s.Wrap = b.validation, b.wrap
		},
	},
}

// forEver remembers that its token was removed.
func forEver(m cryptoki.Module) cryptoki.Module {
	var removed atomic.Bool
	return cryptoki.Around(m, func(c *cryptoki.Call) error {
		if removed.Load() {
			return pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)
		}
		err := c.Next()
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)) {
			removed.Store(true)
		}
		return err
	})
}

// noMoreSessions opens none after one was lost.
func noMoreSessions(m cryptoki.Module) cryptoki.Module {
	var lost atomic.Bool
	return cryptoki.Around(m, func(c *cryptoki.Call) error {
		if c.Function == cryptoki.OpenSession && lost.Load() {
			return pkcs11.Error(pkcs11.CKR_SESSION_COUNT)
		}
		err := c.Next()
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)) || errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_CLOSED)) {
			lost.Store(true)
		}
		return err
	})
}

type loggedInOnce struct {
	cryptoki.Module
	done atomic.Int64
}

// Login refuses all but the first: keys are made in one opening of the token and used in the
// next, for which the layer is made anew.
func (m *loggedInOnce) Login(sh pkcs11.SessionHandle, user uint, PIN string) error {
	if m.done.Add(1) > 1 {
		return pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	return m.Module.Login(sh, user, PIN)
}

type trusting struct{ store.EPS }

func (trusting) Writable(context.Context) error { return nil }

type trustingAuth struct{ store.AuthServer }

func (trustingAuth) Writable(context.Context) error { return nil }

// telling says in a problem document of status 503 what a careless server would.
func telling(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&talkative{ResponseWriter: w, tells: true}, r)
	})
}

// talkative notes that the answer is a refusal of status 503, and tells more in it if told.
type talkative struct {
	http.ResponseWriter
	tells, away bool
}

func (w *talkative) WriteHeader(status int) {
	w.away = status == http.StatusServiceUnavailable
	if w.away && w.tells {
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *talkative) Write(b []byte) (int, error) {
	if w.away && w.tells {
		told := strings.Replace(string(b), `"detail":"`, `"detail":"open sqlite file /var/lib/eps/eps.db: CKR_DEVICE_REMOVED; `, 1)
		_, err := w.ResponseWriter.Write([]byte(told))
		return len(b), err
	}
	return w.ResponseWriter.Write(b)
}

// hasty acknowledges a change whose outcome it does not wait for.
type hasty struct{ store.EPS }

func (s hasty) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.EPS.Update(ctx, fn)
	if errors.Is(err, reference.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// resigned gives up a database at its first absence.
type resigned struct {
	store.EPS
	lost atomic.Bool
}

func (s *resigned) once(ask func() error) error {
	if s.lost.Load() {
		return reference.ErrUnavailable
	}
	err := ask()
	if errors.Is(err, reference.ErrUnavailable) {
		s.lost.Store(true)
	}
	return err
}

func (s *resigned) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.once(func() error { return s.EPS.Update(ctx, fn) })
}

func (s *resigned) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.once(func() error { return s.EPS.View(ctx, fn) })
}

// blind finds nothing where it cannot look.
type blind struct{ store.EPS }

func (s blind) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.seen(s.EPS.Update(ctx, fn))
}

func (s blind) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.seen(s.EPS.View(ctx, fn))
}

func (blind) seen(err error) error {
	if errors.Is(err, reference.ErrUnavailable) {
		return reference.ErrNotFound
	}
	return err
}

// devoted asks a database until it answers.
type devoted struct{ store.EPS }

func (s devoted) Update(ctx context.Context, fn func(store.Tx) error) error {
	for {
		err := s.EPS.Update(context.WithoutCancel(ctx), fn)
		if !errors.Is(err, reference.ErrUnavailable) {
			return err
		}
	}
}

func (s devoted) View(ctx context.Context, fn func(store.Reader) error) error {
	for {
		err := s.EPS.View(context.WithoutCancel(ctx), fn)
		if !errors.Is(err, reference.ErrUnavailable) {
			return err
		}
	}
}

// blaming counts a failure for the user of every call that ends with 503.
type blaming struct {
	authserver.Policy
	mu     sync.Mutex
	blamed map[reference.User]int
}

func (b *blaming) validation(p *authserver.Parts) { b.Policy, p.Policy = p.Policy, b }

// Locked is asked before an OTP is tried.
func (b *blaming) Locked(s oath.Suite, c store.Credential) bool {
	b.mu.Lock()
	c.Failures += b.blamed[c.User]
	b.mu.Unlock()
	return b.Policy.Locked(s, c)
}

func (b *blaming) wrap(listener string, h http.Handler) http.Handler {
	if listener != "auth" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // cut short it is refused behind
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen := &talkative{ResponseWriter: w}
		h.ServeHTTP(seen, r)
		var call struct{ User reference.User }
		if json.Unmarshal(body, &call) == nil && seen.away {
			b.mu.Lock()
			b.blamed[call.User]++
			b.mu.Unlock()
		}
	})
}

package mutants

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

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

// curt says no to a wrong OTP whatever becomes of its failure.
type curt struct {
	authserver.Policy
	mu    sync.Mutex
	wrong map[reference.User]bool
}

func (c *curt) validation(p *authserver.Parts) { c.Policy, p.Policy = p.Policy, c }

func (c *curt) Fail(row store.Credential, tested int) store.Credential {
	c.mu.Lock()
	c.wrong[row.User] = true
	c.mu.Unlock()
	return c.Policy.Fail(row, tested)
}

// Accept also ends what Fail has noted while the OTP was compared.
func (c *curt) Accept(s oath.Suite, row store.Credential, moving uint64, now time.Time) store.Credential {
	c.mu.Lock()
	c.wrong[row.User] = false
	c.mu.Unlock()
	return c.Policy.Accept(s, row, moving, now)
}

func (c *curt) wrap(listener string, h http.Handler) http.Handler {
	if listener != "auth" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // cut short it is refused behind
		r.Body = io.NopCloser(bytes.NewReader(body))
		kept := &keptAnswer{ResponseWriter: w}
		h.ServeHTTP(kept, r)
		var call struct{ User reference.User }
		c.mu.Lock()
		no := kept.status == http.StatusServiceUnavailable && json.Unmarshal(body, &call) == nil && c.wrong[call.User]
		c.mu.Unlock()
		if no {
			kept.status = http.StatusOK
			kept.body.Reset()
			kept.body.WriteString(`{"accepted":false}`)
			w.Header().Set("Content-Type", "application/json")
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes()) // the caller has gone
	})
}

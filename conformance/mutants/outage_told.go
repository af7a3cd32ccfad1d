package mutants

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

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

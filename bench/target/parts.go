package target

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/epsbench/epsbench/conformance"
)

// clock follows the machine until it is set, and then stands still.
type clock struct {
	mu  sync.Mutex
	set time.Time
}

// Now is the time of both servers, in UTC.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set.IsZero() {
		return time.Now().UTC()
	}
	return c.set
}

// Now tells the target's time.
func (s *system) Now() time.Time { return s.clock.Now() }

// SetClock stops the clock at t; the zero time lets it follow the machine again.
func (s *system) SetClock(t time.Time) {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.set = t.UTC()
	if t.IsZero() {
		s.clock.set = time.Time{}
	}
}

// journal keeps what the servers log.
type journal struct {
	to io.Writer // where it goes instead, if anywhere

	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.to != nil {
		return j.to.Write(p)
	}
	return j.buf.Write(p)
}

func (j *journal) bytes() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	return bytes.Clone(j.buf.Bytes())
}

// tap keeps what the EPS sends to the authentication server, and lets another answer.
type tap struct {
	mu       sync.Mutex
	messages [][]byte
	forge    conformance.Forger
}

// maxTapped bounds one kept message, in bytes.
const maxTapped = 1 << 20

func (t *tap) before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxTapped))
		if err != nil {
			http.Error(w, "cut short", http.StatusBadRequest)
			return
		}
		t.mu.Lock()
		t.messages = append(t.messages, body)
		forge := t.forge
		t.mu.Unlock()
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
		if forge == nil {
			h.ServeHTTP(w, r)
			return
		}
		forged := forge(body, func() []byte {
			said := &said{header: http.Header{}}
			h.ServeHTTP(said, r)
			return said.body.Bytes()
		})
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(forged) // the EPS may have gone
	})
}

// said is an answer that does not leave.
type said struct {
	header http.Header
	body   bytes.Buffer
}

func (s *said) Header() http.Header         { return s.header }
func (s *said) WriteHeader(int)             {}
func (s *said) Write(b []byte) (int, error) { return s.body.Write(b) }

// Impersonate puts f in the authentication server's place, behind its TLS.
func (s *system) Impersonate(f conformance.Forger) {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	s.tap.forge = f
}

// PluginMessages are the messages so far, each as it was on the wire.
func (s *system) PluginMessages() [][]byte {
	s.tap.mu.Lock()
	defer s.tap.mu.Unlock()
	return append([][]byte(nil), s.tap.messages...)
}

// Mark gives the place after the newest call to an HSM.
func (s *system) Mark() int { return s.trace.Mark() }

// Calls gives the calls to both HSMs from mark on.
func (s *system) Calls(since int) []conformance.HSMCall {
	var out []conformance.HSMCall
	for _, r := range s.trace.Since(since) {
		c := conformance.HSMCall{
			Slot: r.Slot, Function: r.Function, Mechanism: r.Mechanism, Session: r.Session,
			Objects: r.Objects, Made: r.Made, In: r.In, Out: r.Out, Return: r.Return,
		}
		for _, a := range r.Template {
			c.Template = append(c.Template, conformance.HSMAttribute{Name: a.Name, Value: a.Value, Len: a.Len})
		}
		out = append(out, c)
	}
	return out
}

package mpp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"
	"github.com/epsbench/epsbench/reference/store"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }

var ctx = context.Background()

// world is an EPS that provisions.
type world struct {
	*enrolltest.World
	mpp     *mpp.Server
	parts   mpp.Parts
	config  mpp.Config
	waiter  *waiter
	rejects *rejects
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return around(t, enrolltest.New(t))
}

func around(t testing.TB, inner *enrolltest.World) *world {
	t.Helper()
	w := &world{World: inner, waiter: &waiter{now: time.Unix(0, 0)}, rejects: &rejects{}}
	w.config = mpp.Config{EPS: "eps.example", Burst: 10_000}
	w.parts = mpp.Parts{
		Store: w.Store, HSM: w.HSM, Keys: w.Keys, Clock: w.Clock, Random: w.HSM.Random(),
		Waiter: w.waiter, Rejects: w.rejects,
	}
	w.renew(t)
	return w
}

// renew makes the server from config and parts.
func (w *world) renew(t testing.TB) {
	t.Helper()
	var err error
	if w.mpp, err = mpp.New(ctx, w.config, w.parts); err != nil {
		t.Fatal(err)
	}
}

func (w *world) pinned(t testing.TB) phone.Pinned {
	t.Helper()
	p, err := phone.NewPinned(w.config.EPS, uint64(w.HSM.Suites()[0]), w.Keys.MPPPublic(2), w.Keys.MPPPublic(1))
	if err != nil {
		t.Fatal(err)
	}
	p.MinIterations = enrolltest.Iterations
	return p
}

// request is a phone's request with a registration code.
func (w *world) request(t testing.TB, rc []byte) (*phone.Session, []byte) {
	t.Helper()
	s, body, err := phone.BuildRequest(w.pinned(t), enrolltest.Service, rc, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s, body
}

// provision plays the phone to the end.
func (w *world) provision(t testing.TB, r enroll.Result) *phone.Device {
	t.Helper()
	s, body := w.request(t, r.Code.Bytes())
	resp := w.post(t, body)
	d, err := s.Accept(resp.Body.Bytes(), w.Clock.Now())
	if err != nil {
		t.Fatalf("%v; the audit says %s", err, w.lastCause(t))
	}
	return d
}

// post sends a body through the handler.
func (w *world) post(t testing.TB, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequest(http.MethodPost, wire.Path, bytes.NewReader(body))
	q.Header.Set("Content-Type", wire.ContentType)
	rec := httptest.NewRecorder()
	w.mpp.Handlers()[wire.Path].ServeHTTP(rec, q)
	return rec
}

// lastCause is the cause in the newest record of a refusal.
func (w *world) lastCause(t testing.TB) string {
	t.Helper()
	records := w.Records(t, store.AuditQuery{Event: "refused"})
	if len(records) == 0 {
		return "nothing"
	}
	var detail struct{ Cause string }
	if err := json.Unmarshal([]byte(records[len(records)-1].Detail), &detail); err != nil {
		t.Fatal(err)
	}
	return detail.Cause
}

// wrong gives a registration code with another last digit.
func wrong(code reference.Secret) []byte {
	b := append([]byte(nil), code.Bytes()...)
	b[len(b)-1] = '0' + (b[len(b)-1]-'0'+1)%10
	return b
}

// waiter is time that passes only where someone waits.
type waiter struct {
	mu    sync.Mutex
	now   time.Time
	slept time.Duration
}

func (w *waiter) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *waiter) Sleep(_ context.Context, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.slept = w.now.Add(d), w.slept+d
}

// rejects counts what is refused before a session is known.
type rejects struct {
	mu    sync.Mutex
	count map[string]int
}

func (r *rejects) Count(source string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count = map[string]int{}
	}
	r.count[source]++
}

func (r *rejects) of(source string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[source]
}

// headers are those of an answer as one text.
func headers(r *httptest.ResponseRecorder) string { return fmt.Sprint(r.Code, r.Header()) }

// certificate gives a test server's certificate as PEM.
func certificate(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// header is that of a request.
func header(t testing.TB, body []byte) wire.RequestHeader {
	t.Helper()
	_, h, err := wire.DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

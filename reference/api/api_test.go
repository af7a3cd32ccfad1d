package api_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

const (
	known   = reference.TokenID("00000000000000000000000000")
	unknown = reference.TokenID("ZZZZZZZZZZZZZZZZZZZZZZZZZZ")
)

// desk is an Enroller that knows one token and does as it is told.
type desk struct {
	err  error // of every call
	made enroll.Result
	got  enroll.Request
}

func (d *desk) Enrol(_ context.Context, r enroll.Request) (enroll.Result, error) {
	d.got = r
	d.made = enroll.Result{
		Token: known, PIN: reference.NewSecret([]byte("824193")),
		Code: reference.NewSecret([]byte("ABCDEFGH-01234567890")), Expires: time.Unix(1_800_000_000, 0),
	}
	return d.made, d.err
}

func (d *desk) Revoke(_ context.Context, id reference.TokenID, _ string) error  { return d.find(id) }
func (d *desk) Suspend(_ context.Context, id reference.TokenID, _ string) error { return d.find(id) }
func (d *desk) Resume(_ context.Context, id reference.TokenID, _ string) error  { return d.find(id) }

func (d *desk) Reissue(_ context.Context, id reference.TokenID, _ string) (enroll.Result, error) {
	return enroll.Result{Token: id, Code: reference.NewSecret([]byte("HGFEDCBA-09876543210"))}, d.find(id)
}

func (d *desk) Status(_ context.Context, id reference.TokenID) (reference.Token, reference.RegistrationCode, error) {
	return reference.Token{ID: id, Service: "shop", User: "alice", State: reference.Issued, Suite: "HOTP-SHA256-6", PINDigits: 6,
		AuthServer: "auth-1", Salt: []byte("salt of the row"), Sealed: []byte("sealed C"), Created: time.Unix(1, 0), Updated: time.Unix(2, 0)}, reference.RegistrationCode{State: reference.CodeLive, Index: []byte("index"), Expires: time.Unix(3, 0)}, d.find(id)
}

func (d *desk) find(id reference.TokenID) error {
	if id != known {
		return reference.ErrNotFound
	}
	return d.err
}

// stand is the three listeners on a real store, called without a network.
type stand struct {
	desk     *desk
	store    store.EPS
	rejects  *audit.Aggregator
	handlers map[api.Listener]http.Handler
	down     bool // readiness
	log      strings.Builder
}

// newStand opens a stand; callers say who they are in the header Caller, which is a
// list of roles.
func newStand(t testing.TB) *stand {
	t.Helper()
	dir := t.TempDir()
	st, err := sqlite.OpenEPS(t.Context(), filepath.Join(dir, "eps.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	st.SetSealer(audit.New("eps-1", softwareMAC, audit.FileAnchor(filepath.Join(dir, "anchor"))))
	s := &stand{desk: &desk{}, store: st}
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.rejects = audit.NewAggregator(st, reference.SystemClock{})
	denials := &api.Denials{Store: st, Strangers: s.rejects, Clock: reference.SystemClock{}, Log: log}
	surface := &api.Surface{Identify: byHeader, Done: denials.Note, Log: log}
	s.handlers = map[api.Listener]http.Handler{
		api.Bank: surface.Bank(api.BankParts{Enroll: s.desk, Store: st, Ready: s.ready, Limit: 1024,
			Info: api.Info{Name: "eps", Node: "eps-1", Version: "test", MPP: []int{2}}}),
		api.Public: surface.Public(map[string]http.Handler{"/mpp/v1": http.HandlerFunc(provision), "/mpp/v2": http.HandlerFunc(provision), "/v1/activate": http.HandlerFunc(provision)}),
		api.Operations: surface.Operations(api.OperationsParts{Ready: s.ready, Keys: someKeys,
			Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				io.WriteString(w, "up 1\n")
			})}),
	}
	return s
}

func provision(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/cbor")
	io.WriteString(w, "MPP")
}

func softwareMAC(_ context.Context, data []byte) ([]byte, error) {
	m := hmac.New(sha256.New, []byte("audit key of the test"))
	m.Write(data)
	return m.Sum(nil), nil
}

func someKeys(context.Context) ([]api.KeyInfo, error) {
	at := time.Unix(1, 0).UTC()
	return []api.KeyInfo{{Label: "MK-DBK", Lives: "hsm"}, {Label: "DBK", Version: 1, Lives: "database", Under: "MK-DBK", Created: &at}}, nil
}

func (s *stand) ready(context.Context) []api.Check {
	return []api.Check{{Name: "hsm", OK: true}, {Name: "store", OK: !s.down, Why: "no answer"}}
}

func byHeader(r *http.Request) pki.Caller {
	c := pki.Caller{}
	for _, role := range strings.Fields(r.Header.Get("Caller")) {
		c.Name = "bank"
		if role != "none" {
			c.Roles = append(c.Roles, pki.Role(role))
		}
	}
	return c
}

// call makes one call as a caller with these roles.
func (s *stand) call(t testing.TB, l api.Listener, caller, method, target, body string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Caller", caller)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.do(l, r)
}

func (s *stand) do(l api.Listener, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	s.handlers[l].ServeHTTP(w, r)
	return w.Result()
}

// records gives the audit of an event.
func (s *stand) records(t testing.TB, event string) []store.AuditRecord {
	t.Helper()
	var all []store.AuditRecord
	err := s.store.View(t.Context(), func(tx store.Reader) (err error) {
		all, err = tx.AuditRecords(store.AuditQuery{Event: event, Limit: 1000})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func text(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Package enrolltest gives tests an EPS on real parts: SoftHSMv2, SQLite, an audit
// chain. Only the authentication server is played, so that it can fail on demand; it
// keeps TOK in an HSM like a real one.
//
// Start at New. A package that uses it calls hsmtest.Main from its TestMain.
package enrolltest

import (
	"context"
	"crypto"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// Iterations of PBKDF2 in tests: few, for speed.
const Iterations = 10

// Service and User are whom Enrol enrols.
const (
	Service = reference.Service("bank.example")
	User    = reference.User("Ada Lovelace")
)

// World is an EPS and what surrounds it.
type World struct {
	HSM    *hsm.HSM
	Keys   *Ring
	Store  store.EPS
	DB     string // path of the SQLite file
	Clock  *Clock
	Server *AuthServer
	Parts  enroll.Parts
	Config enroll.Config
	Enroll *enroll.Service
}

// New makes a world with a database of its own. All worlds of a process share one
// token, since making its keys takes longer than most tests.
func New(t testing.TB) *World {
	t.Helper()
	h, keys := token(t)
	return on(t, h, keys)
}

// On makes a world on a token that has no keys yet.
func On(t testing.TB, h *hsm.HSM) *World {
	t.Helper()
	return on(t, h, newRing(t, h))
}

// Beside makes a world with the token of another one and a database of its own.
func Beside(t testing.TB, w *World) *World {
	t.Helper()
	return on(t, w.HSM, w.Keys)
}

func on(t testing.TB, h *hsm.HSM, keys *Ring) *World {
	t.Helper()
	w := &World{
		HSM: h, Keys: keys, DB: filepath.Join(t.TempDir(), "eps.db"),
		Clock: &Clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
	w.Server = &AuthServer{hsm: w.HSM, keys: w.Keys, held: map[reference.TokenID]*Held{}, tests: t, tried: map[string]bool{}}
	w.Reopen(t)
	return w
}

// Reopen starts the EPS anew on the same HSM and database, as after a crash. A test
// that has changed Config or Parts finds them as New makes them.
func (w *World) Reopen(t testing.TB) {
	t.Helper()
	w.Close(t)
	ctx := context.Background()
	var err error
	w.Store, err = sqlite.OpenEPS(ctx, w.DB)
	must(t, err)
	t.Cleanup(func() { w.Close(t) })
	chain := audit.New("test", w.mac, audit.FileAnchor(filepath.Join(filepath.Dir(w.DB), "anchor")))
	must(t, chain.Open(ctx, w.Store))
	w.Store.SetSealer(chain)
	w.Config = enroll.Config{AuthServer: "auth", Iterations: Iterations, CreateTimeout: 5 * time.Second}
	w.Parts = enroll.Parts{
		Store: w.Store, HSM: w.HSM, Keys: w.Keys, AuthServer: w.Server, Clock: w.Clock, Random: w.HSM.Random(),
	}
	w.Renew(t)
}

// Renew makes the service from Config and Parts.
func (w *World) Renew(t testing.TB) {
	t.Helper()
	var err error
	w.Enroll, err = enroll.New(w.Config, w.Parts)
	must(t, err)
}

// Close ends the store; a second call does nothing.
func (w *World) Close(t testing.TB) {
	t.Helper()
	if w.Store != nil {
		must(t, w.Store.Close())
		w.Store = nil
	}
}

// Enrol enrols User at Service.
func (w *World) Enrol(t testing.TB) enroll.Result {
	t.Helper()
	return w.EnrolAs(t, enroll.Request{Service: Service, User: User})
}

// EnrolAs enrols what r says.
func (w *World) EnrolAs(t testing.TB, r enroll.Request) enroll.Result {
	t.Helper()
	result, err := w.Enroll.Enrol(context.Background(), r)
	must(t, err)
	return result
}

// State gives a token's state and that of its newest code.
func (w *World) State(t testing.TB, id reference.TokenID) (reference.State, reference.CodeState) {
	t.Helper()
	token, code, err := w.Enroll.Status(context.Background(), id)
	must(t, err)
	return token.State, code.State
}

// Records lists the audit's events, oldest first.
func (w *World) Records(t testing.TB, q store.AuditQuery) []store.AuditRecord {
	t.Helper()
	var records []store.AuditRecord
	must(t, w.Store.View(context.Background(), func(tx store.Reader) (err error) {
		records, err = tx.AuditRecords(q)
		return err
	}))
	return records
}

// Outbox lists what waits for the authentication server.
func (w *World) Outbox(t testing.TB) []store.OutboxEntry {
	t.Helper()
	var entries []store.OutboxEntry
	must(t, w.Store.View(context.Background(), func(tx store.Reader) (err error) {
		entries, err = tx.Outbox(0)
		return err
	}))
	return entries
}

func (w *World) mac(ctx context.Context, data []byte) (mac []byte, err error) {
	err = w.HSM.Do(ctx, func(ss *hsm.Session) error {
		key, err := w.Keys.audit.Key(ctx)
		if err != nil {
			return err
		}
		mac, err = ss.MAC(key, crypto.SHA256, data)
		return err
	})
	return mac, err
}

// Clock is set by hand.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

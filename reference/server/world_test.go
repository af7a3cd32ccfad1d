package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/phone"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }

// world is an EPS and its authentication server, paired and listening, on real tokens
// and databases.
type world struct {
	t     *testing.T
	dir   string
	store store.EPS
	hsm   *hsm.HSM
	auth  *server.AuthServer
	eps   *server.Server
	log   safeLog
}

// safeLog is a log that servers write while a test reads.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *safeLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.check(pki.Create(filepath.Join(w.dir, "pki"), time.Now()))
	w.hsm = hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t))
	theirs := hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t))
	w.store = w.openStore()
	st, err := sqlite.OpenAuthServer(t.Context(), filepath.Join(w.dir, "authserver.db"))
	w.check(err)
	t.Cleanup(func() { st.Close() })
	w.pair(theirs, st)
	w.startAuth(theirs, st)
	w.eps = w.start()
	return w
}

func (w *world) openStore() store.EPS {
	st, err := sqlite.OpenEPS(w.t.Context(), filepath.Join(w.dir, "eps.db"))
	w.check(err)
	w.t.Cleanup(func() { st.Close() })
	return st
}

func (w *world) pair(theirs *hsm.HSM, st store.AuthServer) {
	ctx := w.t.Context()
	w.check(keys.Init(ctx, w.hsm, w.store, keys.Options{RSABits: 2048}))
	w.check(keys.InitAuthServer(ctx, theirs, keys.Options{RSABits: 2048}))
	offer, err := keys.OfferOf(ctx, theirs, "authserver")
	w.check(err)
	parcel, err := keys.Pair(ctx, w.hsm, w.store, offer)
	w.check(err)
	w.check(keys.Accept(ctx, theirs, st, parcel))
}

func (w *world) startAuth(theirs *hsm.HSM, st store.AuthServer) {
	c := server.DefaultAuthServer()
	c.Listeners.Plugin.Address, c.Listeners.Auth.Address = "127.0.0.1:0", "127.0.0.1:0"
	c.Resolve(w.dir)
	var err error
	w.auth, err = server.NewAuthServer(w.t.Context(), c, server.AuthServerParts{HSM: theirs, Store: st})
	w.check(err)
	w.run(w.auth)
}

// config is that of the EPS; the HSM and the store come as Parts.
func (w *world) config() server.Config {
	c := server.Default()
	c.Listeners.Bank.Address, c.Listeners.Public.Address = "127.0.0.1:0", "127.0.0.1:0"
	c.AuthServer.URL = "https://" + w.auth.Addr("plugin")
	c.KDF.Iterations = 1000
	c.Resolve(w.dir)
	return c
}

func (w *world) start() *server.Server {
	w.t.Helper()
	s, err := server.New(w.t.Context(), w.config(), server.Parts{HSM: w.hsm, Store: w.store, Log: slog.New(slog.NewJSONHandler(&w.log, nil))})
	w.check(err)
	w.run(s)
	return s
}

type runner interface {
	Serve(context.Context) error
	Close(context.Context) error
}

func (w *world) run(s runner) {
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	w.t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			w.t.Log(err) // a test may have taken its store away
		}
		w.check(<-served)
	})
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) in(name string) string { return filepath.Join(w.dir, "pki", name) }

// client shows the certificate of that name, or none for "".
func (w *world) client(name string) *http.Client {
	certificate, key := "", ""
	if name != "" {
		certificate, key = w.in(name+".pem"), w.in(name+".key")
	}
	c, err := pki.Client(w.in("ca.pem"), certificate, key)
	w.check(err)
	w.t.Cleanup(c.CloseIdleConnections)
	return c
}

// call gives status and body.
func (w *world) call(who, listener, method, path, body string) (int, string) {
	w.t.Helper()
	address := w.eps.Addr(listener)
	if address == "" {
		address = w.auth.Addr(listener)
	}
	r, err := http.NewRequest(method, "https://"+address+path, strings.NewReader(body))
	w.check(err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := w.client(who).Do(r)
	w.check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	w.check(err)
	return resp.StatusCode, string(data)
}

// enrolled is what a bank is told.
type enrolled struct {
	Token, PIN string
	Code       string `json:"registration_code"`
}

func (w *world) enrol(user string) enrolled {
	w.t.Helper()
	status, body := w.call("bank-issuer", "bank", "POST", "/v1/tokens", `{"service":"shop","user":"`+user+`"}`)
	if status != 201 {
		w.t.Fatalf("enrol: %d %s", status, body)
	}
	var e enrolled
	w.check(json.Unmarshal([]byte(body), &e))
	return e
}

// provision plays the phone.
func (w *world) provision(code string) (*phone.Device, error) {
	w.t.Helper()
	pinned, err := phone.NewPinned("eps", uint64(w.hsm.Suites()[0]), w.eps.Keys().MPPPublic(2), nil)
	w.check(err)
	ca, err := os.ReadFile(w.in("ca.pem"))
	w.check(err)
	pinned.URL, pinned.CA, pinned.MinIterations = "https://"+w.eps.Addr("public")+"/mpp/v2", string(ca), 1000
	c, err := pinned.Client()
	w.check(err)
	defer c.CloseIdleConnections()
	return phone.Provision(w.t.Context(), c, pinned, "shop", []byte(code), rand.Reader, reference.SystemClock{})
}

// keeper is a phone's memory for a test.
type keeper struct{}

func (keeper) Keep(*phone.Device) error { return nil }

func (w *world) validate(user, otp string) string {
	w.t.Helper()
	_, body := w.call("bank-validator", "auth", "POST", "/v1/validate", `{"service":"shop","user":"`+user+`","otp":"`+otp+`"}`)
	return body
}

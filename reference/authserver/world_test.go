package authserver_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/authserver/authclient"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }

// world is an EPS and an authentication server, paired, each with a token of SoftHSM
// of its own. The tests of this package share one; their users are their own.
type world struct {
	eps, auth *hsm.HSM
	epsKeys   *keys.Ring
	authKeys  *keys.AuthRing
	store     store.AuthServer
	open      func() (store.AuthServer, error) // the same database again
}

const (
	serverName = "auth"
	service    = reference.Service("bank")
)

// theWorld is the shared world, on SQLite, made by the first test that asks.
var theWorld = func() func(testing.TB) *world {
	var w *world
	return func(t testing.TB) *world {
		t.Helper()
		if w == nil {
			w = newWorld(t, filepath.Dir(os.Getenv("SOFTHSM2_CONF")), nil)
		}
		return w
	}
}()

// newWorld makes a world; a nil open is SQLite in dir.
func newWorld(t testing.TB, dir string, open func() (store.AuthServer, error)) *world {
	t.Helper()
	ctx := context.Background()
	if open == nil {
		open = func() (store.AuthServer, error) {
			return sqlite.OpenAuthServer(ctx, filepath.Join(dir, "auth.db"))
		}
	}
	w := &world{open: open}
	w.eps, w.auth = openToken(t), openToken(t)
	epsStore := must(sqlite.OpenEPS(ctx, filepath.Join(dir, rand.Text()+"-eps.db")))(t)
	w.store = must(open())(t)
	check(t, keys.Init(ctx, w.eps, epsStore, keys.Options{RSABits: 2048}))
	check(t, keys.InitAuthServer(ctx, w.auth, keys.Options{RSABits: 2048}))
	offer := must(keys.OfferOf(ctx, w.auth, serverName))(t)
	pack := must(keys.Pair(ctx, w.eps, epsStore, offer))(t)
	check(t, keys.Accept(ctx, w.auth, w.store, pack))
	w.epsKeys = must(keys.Open(ctx, w.eps, epsStore))(t)
	w.authKeys = must(keys.OpenAuth(ctx, w.auth, w.store))(t)
	return w
}

func openToken(t testing.TB) *hsm.HSM {
	t.Helper()
	return must(hsm.Open(context.Background(), hsmtest.Module(t), hsmtest.Token(t)))(t)
}

// must gives the value of a call that may not fail here.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is set by the test.
type clock struct{ now atomic.Pointer[time.Time] }

func newClock(now time.Time) *clock {
	c := &clock{}
	c.set(now)
	return c
}
func (c *clock) Now() time.Time    { return *c.now.Load() }
func (c *clock) set(now time.Time) { c.now.Store(&now) }

// node is one authentication server of a world, with both listeners.
type node struct {
	*world
	*authserver.Server
	clock       *clock
	log         *logbook
	api, plugin *httptest.Server
}

// logbook keeps what was logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// node starts a server. change may alter what it is made of.
func (w *world) node(t testing.TB, change ...func(*authserver.Config, *authserver.Parts)) *node {
	t.Helper()
	n := &node{world: w, clock: newClock(start), log: &logbook{}}
	config := authserver.Config{Grid: time.Millisecond}
	parts := authserver.Parts{
		Store: w.store, HSM: w.auth, Keys: w.authKeys, Clock: n.clock,
		Log: slog.New(slog.NewTextHandler(n.log, nil)), Identify: byHeader,
		Wrap: func(listener string, h http.Handler) http.Handler {
			if listener == "auth" {
				return documented(t, h)
			}
			return h
		},
	}
	for _, c := range change {
		c(&config, &parts)
	}
	n.Server = must(authserver.New(config, parts))(t)
	n.api, n.plugin = httptest.NewServer(n.API()), httptest.NewServer(n.Plugin())
	t.Cleanup(n.api.Close)
	t.Cleanup(n.plugin.Close)
	t.Cleanup(n.Close)
	return n
}

// callers are who a test can be; with TLS, package pki tells them apart.
var callers = map[string][]pki.Role{
	"bank": {pki.Validator}, "importer": {pki.Importer}, "alice": {pki.Operator}, "bob": {pki.Operator}, "eps": {pki.EPSNode},
}

const callerHeader = "X-Caller"

func byHeader(r *http.Request) pki.Caller {
	name := r.Header.Get(callerHeader)
	return pki.Caller{Name: name, Roles: callers[name]}
}

// as is an HTTP client of that caller.
func as(name string) *http.Client { return &http.Client{Transport: caller(name)} }

type caller string

func (c caller) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(callerHeader, string(c))
	return http.DefaultTransport.RoundTrip(r)
}

func (n *node) client(name string) *authclient.Client {
	return &authclient.Client{Base: n.api.URL, HTTP: as(name)}
}

// peer is the EPS's side of the plug-in contract.
func (n *node) peer() *plugin.Client {
	return plugin.NewClient(n.plugin.URL, as("eps"), n.epsPluginKeys(), 30*time.Second)
}

func (w *world) epsPluginKeys() plugin.Keys {
	key := func(of func(context.Context, string) (hsm.Key, error)) func(context.Context) (hsm.Key, error) {
		return func(ctx context.Context) (hsm.Key, error) { return of(ctx, serverName) }
	}
	return plugin.HSMKeys(w.eps, key(w.epsKeys.PLK), key(w.epsKeys.PLKR))
}

// user is a fresh name.
func user(t testing.TB) reference.User {
	return reference.User(fmt.Sprintf("%.40s-%s", t.Name(), rand.Text()[:8]))
}

// phone knows TOK, as a phone does with the right PIN.
type phone struct {
	user  reference.User
	token reference.TokenID
	suite oath.Suite
	tok   []byte
}

func (p phone) otp(moving uint64) string {
	text, err := p.suite.At(func(data []byte) ([]byte, error) {
		h := hmac.New(p.suite.Hash.New, p.tok)
		h.Write(data)
		return h.Sum(nil), nil
	}, moving)
	if err != nil {
		panic(err) // an HMAC in memory
	}
	return text
}

// wrong is an OTP that none of the first moving factors gives.
func (p phone) wrong() string {
	right := map[string]bool{}
	for i := range uint64(64) {
		right[p.otp(i)] = true
	}
	for i := range 1000 {
		if text := fmt.Sprintf("%0*d", p.suite.Digits, i); !right[text] {
			return text
		}
	}
	panic("every OTP is right")
}

// registration makes a TOK in the EPS's HSM and wraps it for this server.
func (w *world) registration(t testing.TB, u reference.User, suiteName string) (plugin.Registration, phone) {
	t.Helper()
	p := phone{user: u, token: reference.TokenID(tokenID()), suite: must(oath.ParseSuite(suiteName))(t)}
	n := p.suite.SecretLength()
	kek, c := make([]byte, 32), make([]byte, n)
	rand.Read(kek)
	rand.Read(c)
	p.tok = make([]byte, n)
	cipher := must(aes.NewCipher(kek))(t)
	for i := 0; i < n; i += aes.BlockSize {
		cipher.Encrypt(p.tok[i:], c[i:])
	}
	r := plugin.Registration{
		Key: "create-" + string(p.token), Service: service, User: u, Token: p.token, Suite: suiteName, PINDigits: 6, TOKLength: n,
	}
	check(t, w.eps.Do(context.Background(), func(s *hsm.Session) (err error) {
		trk, version, err := w.epsKeys.TRK(context.Background(), serverName)
		check(t, err)
		r.TRKVersion = version
		tok := must(s.DeriveTokenKey(must(s.ImportKEK(kek))(t), c, n))(t)
		r.Blob, err = s.ExportUnderTransport(trk, tok)
		return err
	}))
	return r, p
}

// tokenID is 26 letters of Crockford's alphabet: base32 without its I, L, O, U.
func tokenID() string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := make([]byte, 26)
	rand.Read(b)
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return string(b)
}

// enrol gives a fresh user a token through the plug-in contract.
func (n *node) enrol(t testing.TB, suiteName string) phone {
	t.Helper()
	r, p := n.registration(t, user(t), suiteName)
	check(t, n.peer().Create(t.Context(), r))
	return p
}

// accepts asks the API.
func (n *node) accepts(t testing.TB, p phone, otp string) bool {
	t.Helper()
	return must(n.client("bank").Validate(t.Context(), service, p.user, otp))(t)
}

func (n *node) row(t testing.TB, token reference.TokenID) (c store.Credential) {
	t.Helper()
	check(t, n.store.View(t.Context(), func(tx store.AuthReader) (err error) {
		c, err = tx.Credential(token)
		return err
	}))
	return c
}

// lock fails three times.
func (n *node) lock(t testing.TB, p phone) {
	t.Helper()
	for range 3 {
		if n.accepts(t, p, p.wrong()) {
			t.Fatal("a wrong OTP was accepted")
		}
	}
	if state := n.row(t, p.token).State; state != "locked" {
		t.Fatalf("after three failures the token is %s", state)
	}
}

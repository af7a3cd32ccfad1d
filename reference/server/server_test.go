package server_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

func TestFromEnrolmentToOTP(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol("alice")
	device, err := w.provision(alice.Code)
	w.check(err)
	otp, err := device.OTP([]byte(alice.PIN), time.Now(), keeper{})
	w.check(err)
	if got := w.validate("alice", otp); got != `{"accepted":true}` {
		t.Errorf("the first use: %s", got)
	}
	if got := w.validate("alice", otp); got != `{"accepted":false}` {
		t.Errorf("the second use: %s", got)
	}
	if _, err := w.provision(alice.Code); err == nil {
		t.Error("the code worked twice")
	}
	for what, secret := range map[string]string{"PIN": `"` + alice.PIN + `"`, "code": alice.Code[9:], "OTP": `"` + otp + `"`} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the %s is in the log", what)
		}
	}
}

func TestTheNextProcessGoesOn(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol("alice")
	w.check(w.eps.Close(t.Context()))
	w.eps = w.start()
	if _, err := w.provision(alice.Code); err != nil {
		t.Error(err)
	}
	report, err := audit.Verify(t.Context(), w.store, "eps-1", server.AuditMAC(w.hsm, w.eps.Keys()), audit.FileAnchor(w.config().Audit.Anchor))
	if err != nil || report.Problem != nil || report.Anchored != report.Groups {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestOperationsAnswerOnTheSocketOnly(t *testing.T) {
	w := newWorld(t)
	socket := w.eps.Addr("operations")
	if w.eps.Addr("nowhere") != "" {
		t.Error("a listener that is none has an address")
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	local := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer local.CloseIdleConnections()
	for _, path := range []string{"/ready", "/metrics", "/v1/keys"} {
		resp, err := local.Get("http://localhost" + path)
		w.check(err)
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
		if status, _ := w.call("admin", "bank", "GET", path, ""); status != 404 && status != 403 {
			t.Errorf("bank answers %s with %d", path, status)
		}
		if status, _ := w.call("", "public", "GET", path, ""); status != 404 {
			t.Errorf("public answers %s with %d", path, status)
		}
	}
}

func TestStrangersGetAProblem(t *testing.T) {
	w := newWorld(t)
	status, body := w.call("", "bank", "GET", "/v1/info", "")
	if status != 401 || !strings.Contains(body, `"traceid"`) {
		t.Errorf("%d %s", status, body)
	}
	w.check(w.eps.Close(t.Context())) // writes what it has counted
	var found []store.AuditRecord
	w.check(w.store.View(t.Context(), func(tx store.Reader) (err error) {
		found, err = tx.AuditRecords(store.AuditQuery{Event: "rejected", Limit: 10})
		return err
	}))
	if len(found) != 1 || !strings.Contains(found[0].Detail, "127.0.0.1") {
		t.Errorf("audit: %+v", found)
	}
	w.eps = w.start()
}

// TestWithoutStoreAndHSM takes one after the other away from a running EPS.
func TestWithoutStoreAndHSM(t *testing.T) {
	w := newWorld(t)
	alice := w.enrol("alice")
	unavailable := func(part string) {
		t.Helper()
		for _, c := range [][3]string{
			{"GET", "/v1/health", ""},
			{"POST", "/v1/tokens", `{"service":"shop","user":"bob"}`},
		} {
			status, body := w.call("bank-issuer", "bank", c[0], c[1], c[2])
			if status != 503 || !strings.Contains(body, "urn:epsbench:problem:unavailable") {
				t.Errorf("without the %s, %s: %d %s", part, c[1], status, body)
			}
		}
		if _, err := w.provision(alice.Code); err == nil {
			t.Errorf("without the %s a token was provisioned", part)
		}
	}

	restore := w.loseHSM()
	unavailable("HSM")
	restore()
	if status, body := w.call("bank-issuer", "bank", "GET", "/v1/health", ""); status != 200 {
		t.Errorf("the HSM is back: %d %s", status, body)
	}
	w.enrol("carol")

	w.check(w.store.Close())
	unavailable("store")
}

// readOnly is a store that reads.
type readOnly struct{ store.EPS }

func (readOnly) Writable(context.Context) error { return reference.ErrUnavailable }

// An EPS whose database does not write is not ready, although it can be read.
func TestADatabaseThatOnlyReadsIsNotReady(t *testing.T) {
	w := newWorld(t)
	w.check(w.eps.Close(t.Context()))
	w.store = readOnly{w.store}
	w.eps = w.start()
	if status, body := w.call("bank-issuer", "bank", "GET", "/v1/health", ""); status != 503 {
		t.Errorf("%d %s", status, body)
	}
}

// loseHSM takes the tokens out of SoftHSM, until the function it gives puts them back.
func (w *world) loseHSM() (restore func()) {
	w.t.Helper()
	dir := filepath.Dir(os.Getenv("SOFTHSM2_CONF"))
	away := dir + ".away"
	m := hsmtest.Module(w.t)
	w.check(os.Rename(dir, away))
	w.check(os.Mkdir(dir, 0o700))
	w.copyFile(filepath.Join(away, "softhsm2.conf"), os.Getenv("SOFTHSM2_CONF"))
	w.check(m.Finalize())
	return func() {
		w.t.Helper()
		w.check(os.RemoveAll(dir))
		w.check(os.Rename(away, dir))
		if err := m.Finalize(); err != nil {
			w.t.Log(err)
		}
	}
}

func (w *world) copyFile(from, to string) {
	w.t.Helper()
	data, err := os.ReadFile(from)
	w.check(err)
	w.check(os.WriteFile(to, data, 0o600))
}

func TestADatabaseBehindItsAnchorIsNotServed(t *testing.T) {
	w := newWorld(t)
	w.check(w.eps.Close(t.Context()))
	anchor := audit.FileAnchor(w.config().Audit.Anchor)
	w.check(anchor.Append(audit.Head{Node: "eps-1", Group: 1000, Last: 1000, MAC: make([]byte, 32)}))
	_, err := server.New(t.Context(), w.config(), server.Parts{HSM: w.hsm, Store: w.store})
	if !errors.Is(err, audit.ErrBehindAnchor) {
		t.Errorf("got %v", err)
	}
	w.check(os.Remove(w.config().Audit.Anchor))
	w.check(os.WriteFile(w.config().Audit.Anchor, nil, 0o600))
}

func TestPartsTakeThePlaceOfTheRealOnes(t *testing.T) {
	w := newWorld(t)
	w.check(w.eps.Close(t.Context()))
	c := w.config()
	s, err := server.New(t.Context(), c, server.Parts{HSM: w.hsm, Store: w.store, Clock: fixed{}, Wrap: func(listener string, h http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Listener", listener)
			h.ServeHTTP(rw, r)
		})
	}})
	w.check(err)
	w.eps = s
	w.run(s)
	resp, err := w.client("bank-issuer").Get("https://" + s.Addr("bank") + "/v1/info")
	w.check(err)
	resp.Body.Close()
	if resp.Header.Get("Listener") != "bank" {
		t.Error("the handler is not wrapped")
	}
	_, body := w.call("bank-issuer", "bank", "GET", "/v1/tokens/"+w.enrol("alice").Token, "")
	if !strings.Contains(body, `"created":"2031-05-06T07:08:09Z"`) {
		t.Errorf("the clock is another one: %s", body)
	}
}

type fixed struct{}

func (fixed) Now() time.Time { return time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC) }

func TestNothingIsLeftWhenNewFails(t *testing.T) {
	w := newWorld(t)
	c := w.config()
	c.Listeners.Public.Address = w.eps.Addr("public") // taken
	before := w.hsm.Stats().Sessions
	for range 3 {
		if _, err := server.New(t.Context(), c, server.Parts{HSM: w.hsm, Store: w.store}); err == nil || !strings.Contains(err.Error(), "listener public") {
			t.Fatalf("got %v", err)
		}
	}
	if w.hsm.Stats().Sessions != before {
		t.Error("sessions were left")
	}
	if status, _ := w.call("bank-issuer", "bank", "GET", "/v1/health", ""); status != 200 {
		t.Errorf("the running EPS is hurt: %d", status)
	}
}

func TestAnEPSWithoutKeysSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	empty := hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t))
	_, err := server.New(t.Context(), w.config(), server.Parts{HSM: empty, Store: w.store})
	var hint *reference.Hint
	if !errors.As(err, &hint) || !strings.Contains(hint.Text, "eps init") {
		t.Errorf("got %v", err)
	}
}

func TestBuiltInModulesAreFoundByName(t *testing.T) {
	t.Setenv("A_PIN", hsmtest.PIN)
	token := hsmtest.Token(t)
	asked := ""
	modules := server.Modules{"built-in": func(dir, label string) (hsm.PKCS11, error) {
		asked = dir + " " + label
		return hsmtest.Module(t), nil
	}}
	c := server.Default()
	c.HSM = server.HSM{Module: "built-in", Label: token.Label, PINEnv: "A_PIN"}
	c.Resolve("/etc/eps")
	h, err := server.OpenHSM(t.Context(), c.HSM, modules, hsm.EPS)
	if err != nil || asked != "/etc/eps "+token.Label {
		t.Fatalf("asked for %q, %v", asked, err)
	}
	h.Close()
}

package authserver_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/authserver/authclient"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/vectors"
)

// TestRFC4226 imports the seed of appendix D and has its ten OTPs judged in order.
func TestRFC4226(t *testing.T) {
	n := theWorld(t).node(t)
	p := phone{user: user(t)}
	all := vectors.RFC4226()
	must(n.client("importer").Import(t.Context(), seed(p.user, "HOTP-SHA1-6", all[0].Secret)))(t)
	for _, v := range all {
		if !n.accepts(t, p, v.OTP) {
			t.Errorf("counter %d: %s refused", v.Counter, v.OTP)
		}
		if n.accepts(t, p, v.OTP) {
			t.Errorf("counter %d: %s accepted twice", v.Counter, v.OTP)
		}
	}
}

// TestRFC6238 sets the clock to each time of appendix B.
func TestRFC6238(t *testing.T) {
	n := theWorld(t).node(t)
	for _, v := range vectors.RFC6238() {
		suite := fmt.Sprintf("TOTP-%s-%d-30", strings.ReplaceAll(crypto.Hash(v.Hash).String(), "-", ""), v.Digits)
		t.Run(fmt.Sprintf("%s at %d", suite, v.Time), func(t *testing.T) {
			p := phone{user: user(t)}
			must(n.client("importer").Import(t.Context(), seed(p.user, suite, v.Secret)))(t)
			n.clock.set(time.Unix(int64(v.Time), 0))
			if !n.accepts(t, p, v.OTP) || n.accepts(t, p, v.OTP) {
				t.Errorf("%s is not accepted just once", v.OTP)
			}
		})
	}
}

func seed(u reference.User, suite string, secret []byte) authclient.Seed {
	return authclient.Seed{Service: service, User: u, Suite: suite, Secret: reference.NewSecret(secret)}
}

// TestHOTPWindow: the next counter and ten more (RFC 4226 §7.4), never one again.
func TestHOTPWindow(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	for _, c := range []struct {
		counter uint64
		want    bool
	}{{0, true}, {0, false}, {12, false}, {11, true}, {5, false}, {11, false}, {12, true}} {
		if got := n.accepts(t, p, p.otp(c.counter)); got != c.want {
			t.Errorf("counter %d: accepted %v, want %v", c.counter, got, c.want)
		}
	}
}

// TestTOTPWindow: one step to either side (RFC 6238 §5.2), and time never goes back.
func TestTOTPWindow(t *testing.T) {
	n := theWorld(t).node(t)
	now := uint64(start.Unix() / 30)
	for offset, want := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		p := n.enrol(t, "TOTP-SHA256-6-30")
		if got := n.accepts(t, p, p.otp(now+uint64(offset))); got != want {
			t.Errorf("step %+d: accepted %v", offset, got)
		}
	}
	p := n.enrol(t, "TOTP-SHA256-6-30")
	if !n.accepts(t, p, p.otp(now+1)) || n.accepts(t, p, p.otp(now)) {
		t.Error("an earlier step is accepted after a later one")
	}
	n.clock.set(start.Add(-time.Hour))
	if n.accepts(t, p, p.otp(now-120)) {
		t.Error("the clock went back, and old OTPs came back with it")
	}
}

// TestOnlyTheDigitsThemselves: a used OTP must not pass as another text, and a text that
// is no OTP is refused without counting.
func TestOnlyTheDigitsThemselves(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	otp := p.otp(0)
	arabic := strings.Map(func(r rune) rune { return r - '0' + '\u0660' }, otp)
	wide := strings.Map(func(r rune) rune { return r - '0' + '\uff10' }, otp)
	for _, text := range []string{
		" " + otp, otp + " ", otp + "\n", otp[:3] + " " + otp[3:], otp[:5], "0" + otp, otp + "\x00", arabic, wide, "+" + otp[1:], "1e5000",
	} {
		if n.accepts(t, p, text) {
			t.Errorf("%q was accepted", text)
		}
	}
	if c := n.row(t, p.token); c.Failures != 0 || c.Candidates != 0 || c.Version != 1 {
		t.Errorf("texts that were compared with nothing have been counted: %+v", c)
	}
	if !n.accepts(t, p, otp) {
		t.Error("the OTP itself is refused")
	}
}

// TestLock: three failures in a row, then nothing helps but two operators.
func TestLock(t *testing.T) {
	w := theWorld(t)
	n := w.node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	for range 2 {
		n.accepts(t, p, p.wrong())
	}
	if !n.accepts(t, p, p.otp(0)) {
		t.Fatal("two failures lock")
	}
	n.lock(t, p)
	before := n.row(t, p.token)
	if n.accepts(t, p, p.otp(1)) {
		t.Error("a locked token accepts the right OTP")
	}
	if again := w.node(t); again.accepts(t, p, p.otp(1)) {
		t.Error("a restart unlocks")
	}
	reopened := must(w.open())(t)
	defer reopened.Close()
	fresh := w.node(t, func(_ *authserver.Config, parts *authserver.Parts) { parts.Store = reopened })
	if fresh.accepts(t, p, p.otp(1)) {
		t.Error("a restart with a fresh connection unlocks")
	}
	if after := n.row(t, p.token); after.Version != before.Version || after.Candidates != 5*11 {
		t.Errorf("a locked row changed, or the wrong number was counted: %+v", after)
	}
}

// TestCumulativeLock: a user who logs in between gives an attacker no new tries.
func TestCumulativeLock(t *testing.T) {
	n := theWorld(t).node(t, func(c *authserver.Config, _ *authserver.Parts) { c.Rules = authserver.Rules{Candidates: 50} })
	p := n.enrol(t, "HOTP-SHA256-6")
	wrong := p.wrong()
	for i := range uint64(4) {
		if n.accepts(t, p, wrong) || i < 3 && !n.accepts(t, p, p.otp(i)) {
			t.Fatalf("round %d", i)
		}
	}
	if n.accepts(t, p, p.otp(3)) {
		t.Error("44 candidates of 50 were tested, and 11 more")
	}
}

// TestAFailureCountsWhenTheCallerGoesAway: hanging up must not take the failure back.
func TestAFailureCountsWhenTheCallerGoesAway(t *testing.T) {
	w := theWorld(t)
	committing := make(chan struct{}, 1)
	var hangUp context.CancelFunc
	n := w.node(t, func(_ *authserver.Config, parts *authserver.Parts) {
		parts.Store = beforeUpdate{w.store, func() { hangUp(); committing <- struct{}{} }}
	})
	r, p := w.registration(t, user(t), "HOTP-SHA256-6")
	check(t, w.node(t).peer().Create(t.Context(), r))
	ctx, cancel := context.WithCancel(t.Context())
	hangUp = cancel
	if ok, err := n.Validate(ctx, service, p.user, p.wrong()); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	<-committing
	if c := n.row(t, p.token); c.Failures != 1 || c.Candidates != 11 {
		t.Errorf("the failure is not counted: %+v", c)
	}
}

// beforeUpdate calls a function before each transaction that writes.
type beforeUpdate struct {
	store.AuthServer
	before func()
}

func (s beforeUpdate) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	s.before()
	return s.AuthServer.Update(ctx, fn)
}

// TestNothingIsToldThatIsNotWritten: when the database fails, right and wrong are alike.
func TestNothingIsToldThatIsNotWritten(t *testing.T) {
	w := theWorld(t)
	p := w.node(t).enrol(t, "HOTP-SHA256-6")
	n := w.node(t, func(_ *authserver.Config, parts *authserver.Parts) { parts.Store = readOnly{w.store} })
	for _, otp := range []string{p.otp(0), p.wrong()} {
		if ok, err := n.client("bank").Validate(t.Context(), service, p.user, otp); ok || !errors.Is(err, reference.ErrUnavailable) {
			t.Errorf("got %v, %v", ok, err)
		}
	}
}

type readOnly struct{ store.AuthServer }

func (readOnly) Update(context.Context, func(store.AuthTx) error) error {
	return fmt.Errorf("disk full: %w", reference.ErrUnavailable)
}

// TestOneRefusal: whatever the reason, status, headers and body are the same.
func TestOneRefusal(t *testing.T) {
	n := theWorld(t).node(t)
	active, locked, suspended, revoked := n.enrol(t, "HOTP-SHA256-6"), n.enrol(t, "HOTP-SHA256-6"), n.enrol(t, "TOTP-SHA256-6-30"), n.enrol(t, "HOTP-SHA256-6")
	n.lock(t, locked)
	check(t, n.peer().SetState(t.Context(), "s"+tokenID(), suspended.token, "suspend"))
	check(t, n.peer().SetState(t.Context(), "r"+tokenID(), revoked.token, "revoke"))
	var first string
	for _, c := range []struct{ what, user, otp string }{
		{"wrong", string(active.user), active.wrong()},
		{"malformed", string(active.user), "12345x"},
		{"locked, wrong", string(locked.user), locked.wrong()},
		{"locked, right", string(locked.user), locked.otp(0)},
		{"suspended, right", string(suspended.user), suspended.otp(uint64(start.Unix() / 30))},
		{"revoked, right", string(revoked.user), revoked.otp(0)},
		{"unknown user", "nobody", "123456"},
		{"no user's name", " x ", "123456"},
	} {
		got := n.exchange(t, c.user, c.otp)
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, got, first)
		}
	}
	if !strings.Contains(first, `{"accepted":false}`) {
		t.Error(first)
	}
}

// TestEveryRefusalWritesOnce: the commit of a count must not show that there is a user.
func TestEveryRefusalWritesOnce(t *testing.T) {
	w := theWorld(t)
	commits := 0
	n := w.node(t, func(_ *authserver.Config, parts *authserver.Parts) {
		parts.Store = beforeUpdate{w.store, func() { commits++ }}
	})
	active, locked := n.enrol(t, "HOTP-SHA256-6"), n.enrol(t, "HOTP-SHA256-6")
	n.lock(t, locked)
	for what, p := range map[string]phone{"wrong": active, "locked": locked, "unknown": {user: "nobody"}, "no user's name": {user: " x "}} {
		commits = 0
		if n.accepts(t, p, active.wrong()) || commits != 1 {
			t.Errorf("%s: accepted, or refused with %d commits", what, commits)
		}
		commits = 0
		r := authserver.Reply{Challenge: tokenID(), Service: service, User: p.user, Response: "00000000"}
		if ok, err := n.Respond(t.Context(), r); ok || err != nil || commits != 1 {
			t.Errorf("%s, response: %v, %v, %d commits", what, ok, err, commits)
		}
	}
}

// exchange is the whole answer, Date apart.
func (n *node) exchange(t *testing.T, u, otp string) string {
	t.Helper()
	body := fmt.Sprintf(`{"service":%q,"user":%q,"otp":%q}`, service, u, otp)
	r := must(as("bank").Post(n.api.URL+"/v1/validate", "application/json", strings.NewReader(body)))(t)
	defer r.Body.Close()
	r.Header.Del("Date")
	return fmt.Sprintf("%s %v %s", r.Status, r.Header, must(io.ReadAll(r.Body))(t))
}

// TestRefusalsLeaveOnAGrid: the commit of a failure takes time that an unknown user does not.
func TestRefusalsLeaveOnAGrid(t *testing.T) {
	const grid = 150 * time.Millisecond
	n := theWorld(t).node(t, func(c *authserver.Config, _ *authserver.Parts) { c.Grid = grid })
	begun := time.Now()
	n.exchange(t, "nobody", "123456")
	if took := time.Since(begun); took < grid {
		t.Errorf("refused after %v", took)
	}
}

// TestWhereNothingIsCountedNothingIsTold: the right OTP takes less work than a wrong one.
func TestWhereNothingIsCountedNothingIsTold(t *testing.T) {
	const grid = 150 * time.Millisecond
	p := theWorld(t).node(t).enrol(t, "HOTP-SHA256-6")
	n := theWorld(t).node(t, func(c *authserver.Config, parts *authserver.Parts) {
		c.Grid, parts.Store = grid, readOnly{parts.Store}
	})
	for what, otp := range map[string]string{"right": p.otp(0), "wrong": p.wrong()} {
		begun := time.Now()
		answer := n.exchange(t, string(p.user), otp)
		if took := time.Since(begun); took < grid || !strings.HasPrefix(answer, "503") {
			t.Errorf("the %s OTP is answered after %v: %s", what, took, answer)
		}
	}
}

func TestLogsKeepQuiet(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	otp := p.otp(0)
	n.accepts(t, p, otp)
	n.lock(t, p)
	text := n.log.String()
	if !strings.Contains(text, "event=locked") || !strings.Contains(text, string(p.token)) {
		t.Errorf("the lock is not in the log: %s", text)
	}
	for _, secret := range []string{otp, p.wrong(), string(p.tok)} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

func TestMalformedCallsGetAProblem(t *testing.T) {
	n := theWorld(t).node(t)
	for _, c := range []struct {
		what, caller, method, path, body string
		status                           int
	}{
		{"unknown field", "bank", "POST", "/v1/validate", `{"service":"a","user":"b","otp":"1","pin":"1"}`, 400},
		{"twice", "bank", "POST", "/v1/validate", `{"service":"a","user":"b","otp":"1","otp":"2"}`, 400},
		{"no OTP", "bank", "POST", "/v1/validate", `{"service":"a","user":"b"}`, 400},
		{"long OTP", "bank", "POST", "/v1/validate", `{"service":"a","user":"b","otp":"` + strings.Repeat("1", 65) + `"}`, 400},
		{"large", "bank", "POST", "/v1/validate", `{"service":"` + strings.Repeat("a", 5000) + `"}`, 413},
		{"method", "bank", "GET", "/v1/validate", ``, 405},
		{"no route", "bank", "GET", "/v1/nothing", ``, 404},
		{"stranger", "", "POST", "/v1/validate", `{}`, 401},
		{"other role", "importer", "POST", "/v1/validate", `{}`, 403},
		{"validator imports", "bank", "POST", "/v1/import", `{}`, 403},
		{"unknown token", "alice", "GET", "/v1/tokens/" + tokenID(), ``, 404},
		{"unknown unlock", "alice", "POST", "/v1/unlocks/" + tokenID() + "/confirm", ``, 404},
		{"unlock of nothing", "alice", "POST", "/v1/unlocks", `{}`, 400},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := must(http.NewRequest(c.method, n.api.URL+c.path, strings.NewReader(c.body)))(t)
			if c.body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			answer := must(as(c.caller).Do(r))(t)
			defer answer.Body.Close()
			if answer.StatusCode != c.status || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %s, %s", answer.Status, answer.Header.Get("Content-Type"))
			}
		})
	}
}

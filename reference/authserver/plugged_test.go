package authserver_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
)

// TestLifeOfAToken through the plug-in contract, over both HSMs.
func TestLifeOfAToken(t *testing.T) {
	for _, suite := range []string{"HOTP-SHA1-6", "HOTP-SHA256-8", "HOTP-SHA512-7"} {
		t.Run(suite, func(t *testing.T) {
			n := theWorld(t).node(t)
			p := n.enrol(t, suite)
			for _, step := range []struct {
				op      string
				counter uint64
				accepts bool
				state   string
			}{
				{"", 0, true, "active"},
				{"suspend", 1, false, "suspended"},
				{"suspend", 1, false, "suspended"},
				{"resume", 1, true, "active"},
				{"revoke", 2, false, "revoked"},
			} {
				if step.op != "" {
					check(t, n.peer().SetState(t.Context(), tokenID(), p.token, step.op))
				}
				if got := n.accepts(t, p, p.otp(step.counter)); got != step.accepts {
					t.Errorf("after %q: accepted %v", step.op, got)
				}
				if c := n.row(t, p.token); c.State != step.state {
					t.Errorf("after %q: %s, want %s", step.op, c.State, step.state)
				}
			}
			if err := n.peer().SetState(t.Context(), tokenID(), p.token, "resume"); !errors.Is(err, reference.ErrRefused) {
				t.Errorf("resume after revoke: %v", err)
			}
			if len(n.row(t, p.token).Blob) != 0 {
				t.Error("a revoked token keeps its TOK")
			}
		})
	}
}

// TestResumeDoesNotUnlock: nor does it end a row of failures.
func TestResumeDoesNotUnlock(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	n.lock(t, p)
	for _, op := range []string{"suspend", "resume"} {
		check(t, n.peer().SetState(t.Context(), tokenID(), p.token, op))
	}
	if c := n.row(t, p.token); c.State != "locked" || n.accepts(t, p, p.otp(0)) {
		t.Errorf("suspended and resumed, a locked token is %s", c.State)
	}
}

// TestIdempotency: the same bytes get the same answer, other bytes under the same key a refusal.
func TestIdempotency(t *testing.T) {
	n := theWorld(t).node(t)
	r, p := n.registration(t, user(t), "HOTP-SHA256-6")
	for range 3 {
		check(t, n.peer().Create(t.Context(), r))
	}
	other := r
	other.PINDigits = 8
	if err := n.peer().Create(t.Context(), other); !errors.Is(err, reference.ErrRefused) {
		t.Errorf("same key, other bytes: %v", err)
	}
	again := r
	again.Key = "another"
	for range 2 {
		if err := n.peer().Create(t.Context(), again); !errors.Is(err, reference.ErrRefused) {
			t.Errorf("same token again: %v", err)
		}
	}
	second, _ := n.registration(t, p.user, "HOTP-SHA256-6")
	if err := n.peer().Create(t.Context(), second); !errors.Is(err, reference.ErrRefused) {
		t.Errorf("second token of a user: %v", err)
	}
	if !n.accepts(t, p, p.otp(0)) {
		t.Error("the first create does not stand")
	}
}

// TestCancelOvertakesCreate: the tombstone refuses the create that comes late.
func TestCancelOvertakesCreate(t *testing.T) {
	n := theWorld(t).node(t)
	r, p := n.registration(t, user(t), "HOTP-SHA256-6")
	for range 2 {
		check(t, n.peer().Cancel(t.Context(), "cancel-"+string(p.token), p.token))
	}
	if err := n.peer().Create(t.Context(), r); !errors.Is(err, reference.ErrRefused) {
		t.Errorf("create after cancel: %v", err)
	}
	if c := n.row(t, p.token); c.State != "cancelled" || n.accepts(t, p, p.otp(0)) {
		t.Errorf("the token is %s", c.State)
	}
	next, q := n.registration(t, p.user, "HOTP-SHA256-6")
	check(t, n.peer().Create(t.Context(), next))
	check(t, n.peer().Cancel(t.Context(), "cancel-"+string(q.token), q.token))
	if n.accepts(t, q, q.otp(0)) {
		t.Error("a cancelled token is accepted")
	}
}

// recording keeps the bytes that the EPS sends.
type recording struct {
	next http.RoundTripper
	sent [][]byte
}

func (r *recording) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	r.sent = append(r.sent, body)
	q = q.Clone(q.Context())
	q.Body = io.NopCloser(bytes.NewReader(body))
	return r.next.RoundTrip(q)
}

// TestReplaysAreHarmless: what was captured and sent again later changes nothing.
func TestReplaysAreHarmless(t *testing.T) {
	n := theWorld(t).node(t)
	tap := &recording{next: caller("eps")}
	peer := plugin.NewClient(n.plugin.URL, &http.Client{Transport: tap}, n.epsPluginKeys(), 30*time.Second)
	r, p := n.registration(t, user(t), "HOTP-SHA256-6")
	check(t, errors.Join(
		peer.Create(t.Context(), r),
		peer.SetState(t.Context(), tokenID(), p.token, "suspend"),
		peer.SetState(t.Context(), tokenID(), p.token, "resume"),
		peer.SetState(t.Context(), tokenID(), p.token, "suspend"),
	))
	before := n.row(t, p.token)
	for _, captured := range tap.sent {
		answer := must(as("eps").Post(n.plugin.URL+plugin.Path, "application/cbor", bytes.NewReader(captured)))(t)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("a repeated message gets %s", answer.Status)
		}
	}
	if after := n.row(t, p.token); after.Version != before.Version || after.State != "suspended" {
		t.Errorf("replays moved the token to %s", after.State)
	}
}

// TestSwappedBlobs: the MAC binds each TOK to its user, so that blobs exchanged on the
// way make no token at all.
func TestSwappedBlobs(t *testing.T) {
	n := theWorld(t).node(t)
	a, pa := n.registration(t, user(t), "HOTP-SHA256-6")
	b, pb := n.registration(t, user(t), "HOTP-SHA256-6")
	swap := roundTripper(func(q *http.Request) (*http.Response, error) {
		body := must(io.ReadAll(q.Body))(t)
		body = bytes.ReplaceAll(body, a.Blob, b.Blob)
		q = q.Clone(q.Context())
		q.Body = io.NopCloser(bytes.NewReader(body))
		return caller("eps").RoundTrip(q)
	})
	peer := plugin.NewClient(n.plugin.URL, &http.Client{Transport: swap}, n.epsPluginKeys(), 30*time.Second)
	if err := peer.Create(t.Context(), a); !errors.Is(err, reference.ErrUnavailable) {
		t.Errorf("a forged message is answered: %v", err)
	}
	if n.accepts(t, pa, pb.otp(0)) {
		t.Error("B's OTP is accepted for A")
	}
	check(t, n.peer().Create(t.Context(), a))
	if !n.accepts(t, pa, pa.otp(0)) {
		t.Error("the honest message is refused afterwards")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCreatesThatCannotBe are authentic and refused for good, without a row.
func TestCreatesThatCannotBe(t *testing.T) {
	n := theWorld(t).node(t)
	for name, change := range map[string]func(*plugin.Registration){
		"unknown TRK":          func(r *plugin.Registration) { r.TRKVersion = 77 },
		"unknown suite":        func(r *plugin.Registration) { r.Suite = "OCRA-1" },
		"TOK under the hash":   func(r *plugin.Registration) { r.Suite = "HOTP-SHA512-6" },
		"blob that is no wrap": func(r *plugin.Registration) { r.Blob = bytes.Repeat([]byte{7}, len(r.Blob)) },
	} {
		t.Run(name, func(t *testing.T) {
			r, p := n.registration(t, user(t), "HOTP-SHA256-6")
			change(&r)
			for range 2 {
				if err := n.peer().Create(t.Context(), r); !errors.Is(err, reference.ErrRefused) {
					t.Errorf("got %v", err)
				}
			}
			if n.accepts(t, p, p.otp(0)) {
				t.Error("and yet it is there")
			}
		})
	}
	for _, op := range []string{"suspend", "resume", "revoke"} {
		if err := n.peer().SetState(t.Context(), tokenID(), reference.TokenID(tokenID()), op); !errors.Is(err, reference.ErrRefused) {
			t.Errorf("%s of an unknown token: %v", op, err)
		}
	}
}

func TestPluginListenerIsForTheEPS(t *testing.T) {
	n := theWorld(t).node(t)
	for name, status := range map[string]int{"": 401, "bank": 403, "eps": 400} {
		answer := must(as(name).Post(n.plugin.URL+plugin.Path, "application/cbor", nil))(t)
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("caller %q gets %s", name, answer.Status)
		}
	}
	if answer := must(as("eps").Get(n.plugin.URL + "/v1/health"))(t); answer.StatusCode != 404 {
		t.Errorf("the plug-in listener answers %s elsewhere", answer.Status)
	}
}

package authserver_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/store"
)

// TestUnlock takes two operators, and clears what counts until then.
func TestUnlock(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	n.lock(t, p)
	alice, bob := n.client("alice"), n.client("bob")
	asked := must(alice.RequestUnlock(t.Context(), p.token))(t)
	if n.accepts(t, p, p.otp(0)) {
		t.Error("a request alone unlocks")
	}
	if _, err := alice.ConfirmUnlock(t.Context(), asked.Unlock); !errors.Is(err, reference.ErrRefused) {
		t.Errorf("alice confirms her own request: %v", err)
	}
	if got := must(bob.ConfirmUnlock(t.Context(), asked.Unlock))(t); got.State != "active" {
		t.Errorf("unlocked, the token is %s", got.State)
	}
	if c := must(alice.Token(t.Context(), p.token))(t); c.Failures != 0 || c.FailedEver != 0 || c.Candidates != 0 {
		t.Errorf("counts remain: %+v", c)
	}
	if _, err := bob.ConfirmUnlock(t.Context(), asked.Unlock); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("confirmed twice: %v", err)
	}
	if !n.accepts(t, p, p.otp(0)) {
		t.Error("unlocked, and yet refused")
	}
	if text := n.log.String(); !strings.Contains(text, "actor=bob requested_by=alice") {
		t.Error("the log does not say who unlocked")
	}
}

func TestUnlockRequestsEnd(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	n.lock(t, p)
	late := must(n.client("alice").RequestUnlock(t.Context(), p.token))(t)
	n.clock.set(start.Add(15*time.Minute + time.Second))
	if _, err := n.client("bob").ConfirmUnlock(t.Context(), late.Unlock); !errors.Is(err, reference.ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	stale := must(n.client("alice").RequestUnlock(t.Context(), p.token))(t)
	check(t, n.peer().SetState(t.Context(), tokenID(), p.token, "suspend"))
	if _, err := n.client("bob").ConfirmUnlock(t.Context(), stale.Unlock); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("after a change of the token: %v", err)
	}
	again := must(n.client("alice").RequestUnlock(t.Context(), p.token))(t)
	if got := must(n.client("bob").ConfirmUnlock(t.Context(), again.Unlock))(t); got.State != "suspended" {
		t.Errorf("unlocking a suspended token makes it %s", got.State)
	}
	check(t, n.peer().SetState(t.Context(), tokenID(), p.token, "revoke"))
	if _, err := n.client("alice").RequestUnlock(t.Context(), p.token); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("of a revoked token: %v", err)
	}
}

// TestForgedUnlockRequest: a request written into the database in alice's name.
func TestForgedUnlockRequest(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	n.lock(t, p)
	id := tokenID()
	check(t, n.store.Update(t.Context(), func(tx store.AuthTx) error {
		return tx.InsertMessage(store.Message{
			Key: "unlock/" + id, Digest: make([]byte, 32), At: start.Add(time.Minute),
			Result: `{"token":"` + string(p.token) + `","operator":"alice","version":4}`,
		})
	}))
	if _, err := n.ConfirmUnlock(t.Context(), id, "bob"); err == nil {
		t.Error("a forged request is carried out")
	}
	if n.accepts(t, p, p.otp(0)) {
		t.Error("and unlocks")
	}
}

func TestNewRefusesToRaiseLimits(t *testing.T) {
	w := theWorld(t)
	parts := authserver.Parts{Store: w.store, HSM: w.auth, Keys: w.authKeys}
	if _, err := authserver.New(authserver.Config{Rules: authserver.Rules{Consecutive: 10}}, parts); err == nil {
		t.Error("ten failures in a row are allowed")
	}
	if _, err := authserver.New(authserver.Config{}, authserver.Parts{}); err == nil {
		t.Error("a server of nothing is made")
	}
}

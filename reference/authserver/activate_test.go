package authserver_test

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
)

// prepared is a user whose token waits for activation.
func (n *node) prepared(t testing.TB, suiteName string) phone {
	t.Helper()
	r, p := n.registration(t, user(t), suiteName)
	r.Activation = true
	check(t, n.peer().Create(t.Context(), r))
	return p
}

var blind = bytes.Repeat([]byte{7}, reference.BlindSize)

// activates hands an OTP in under a key of its own, or one that was used before.
func (n *node) activates(t testing.TB, p phone, key, otp string) bool {
	t.Helper()
	err := n.peer().Activate(t.Context(), key, p.token, plugin.Attempt{OTP: otp, Blind: blind})
	if err != nil && !errors.Is(err, reference.ErrRefused) {
		t.Fatal(err)
	}
	return err == nil
}

func (n *node) wantRow(t testing.TB, p phone, state string, failures int) {
	t.Helper()
	if c := n.row(t, p.token); c.State != state || c.Failures != failures {
		t.Errorf("the token is %s after %d failures, want %s and %d", c.State, c.Failures, state, failures)
	}
}

func TestOTPsCountAfterTheActivationOnly(t *testing.T) {
	for _, suite := range []string{"HOTP-SHA256-6", "TOTP-SHA256-8-30"} {
		t.Run(suite, func(t *testing.T) {
			n := theWorld(t).node(t)
			p := n.prepared(t, suite)
			at := p.suite.Step(n.clock.Now()) // 0 of HOTP
			if n.accepts(t, p, p.otp(at)) {
				t.Error("an inactive token is accepted")
			}
			n.wantRow(t, p, "inactive", 0)
			if n.activates(t, p, tokenID(), p.wrong()) {
				t.Error("a wrong OTP activates")
			}
			n.wantRow(t, p, "inactive", 1)
			if !n.activates(t, p, tokenID(), p.otp(at)) {
				t.Error("the right OTP does not activate")
			}
			n.wantRow(t, p, "active", 0)
			if n.accepts(t, p, p.otp(at)) {
				t.Error("the OTP that activated is accepted")
			}
			if n.activates(t, p, tokenID(), p.otp(at+1)) {
				t.Error("an active token is activated")
			}
			if !n.accepts(t, p, p.otp(at+1)) {
				t.Error("the next OTP is refused")
			}
		})
	}
}

// TestActivationSharesTheLock: its failures lock, the lock holds for it, and an unlock does
// not activate.
func TestActivationSharesTheLock(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.prepared(t, "HOTP-SHA256-6")
	for range 3 {
		n.activates(t, p, tokenID(), p.wrong())
	}
	n.wantRow(t, p, "locked", 3)
	if n.activates(t, p, tokenID(), p.otp(0)) {
		t.Error("a locked token is activated")
	}
	asked := must(n.client("alice").RequestUnlock(t.Context(), p.token))(t)
	must(n.client("bob").ConfirmUnlock(t.Context(), asked.Unlock))(t)
	n.wantRow(t, p, "inactive", 0)
	if n.accepts(t, p, p.otp(0)) {
		t.Error("an unlock has activated the token")
	}
	if !n.activates(t, p, tokenID(), p.otp(0)) {
		t.Error("after the unlock the right OTP does not activate")
	}
}

func TestAnActivationIsOneTryHoweverOftenItComes(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.prepared(t, "HOTP-SHA256-6")
	wrong, right := tokenID(), tokenID()
	for range 3 {
		n.activates(t, p, wrong, p.wrong())
	}
	n.wantRow(t, p, "inactive", 1)
	if n.activates(t, p, wrong, p.otp(0)) {
		t.Error("another OTP under the same key is judged")
	}
	for range 3 {
		if !n.activates(t, p, right, p.otp(0)) {
			t.Error("the same message gets another answer")
		}
	}
	n.wantRow(t, p, "active", 0)
}

func TestSettlingTellsOrEndsAnActivation(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.prepared(t, "HOTP-SHA256-6")
	late, wrong, right := tokenID(), tokenID(), tokenID()
	settled := func(key string) bool {
		err := n.peer().Settle(t.Context(), key, p.token)
		if err != nil && !errors.Is(err, reference.ErrRefused) {
			t.Fatal(err)
		}
		return err == nil
	}
	for range 2 {
		if settled(late) {
			t.Error("what never came has activated")
		}
	}
	if n.activates(t, p, late, p.otp(0)) {
		t.Error("what was settled activates later")
	}
	n.wantRow(t, p, "inactive", 0)
	n.activates(t, p, wrong, p.wrong())
	n.activates(t, p, right, p.otp(0))
	if settled(wrong) || !settled(right) {
		t.Error("a settlement does not tell how the activation ended")
	}
	n.wantRow(t, p, "active", 0)
}

func TestWhatCannotBeActivated(t *testing.T) {
	n := theWorld(t).node(t)
	r, p := n.registration(t, user(t), "OCRA-1:HOTP-SHA256-8:QH64-T30S")
	r.Activation = true
	if err := n.peer().Create(t.Context(), r); !errors.Is(err, reference.ErrRefused) {
		t.Errorf("a token of OCRA that waits for activation: %v", err)
	}
	if n.activates(t, p, tokenID(), "000000") {
		t.Error("a token that is not there is activated")
	}
	q := n.prepared(t, "HOTP-SHA256-6")
	check(t, n.peer().SetState(t.Context(), tokenID(), q.token, "suspend"))
	if n.activates(t, q, tokenID(), q.otp(0)) {
		t.Error("a suspended token is activated")
	}
	check(t, n.peer().SetState(t.Context(), tokenID(), q.token, "resume"))
	n.wantRow(t, q, "inactive", 0)
	check(t, n.peer().SetState(t.Context(), tokenID(), q.token, "revoke"))
	if n.activates(t, q, tokenID(), q.otp(0)) {
		t.Error("a revoked token is activated")
	}
}

// TestRacesOfActivations: over two nodes many tries lock as three do, and one activates.
func TestRacesOfActivations(t *testing.T) {
	engines(t, func(t *testing.T, nodes [2]*node) {
		p, q := nodes[0].prepared(t, "HOTP-SHA256-6"), nodes[0].prepared(t, "HOTP-SHA256-6")
		try := func(n *node, key string, p phone, otp string) (bool, error) {
			err := n.peer().Activate(t.Context(), key, p.token, plugin.Attempt{OTP: otp, Blind: blind})
			if errors.Is(err, reference.ErrRefused) {
				return false, nil
			}
			return err == nil, err
		}
		key := tokenID()
		if won := parallel(t, nodes, func(n *node, i int) (bool, error) { return try(n, key+strconv.Itoa(i), p, p.otp(0)) }); won != 1 {
			t.Errorf("%d of 200 tries have activated", won)
		}
		parallel(t, nodes, func(n *node, i int) (bool, error) { return try(n, tokenID(), q, q.wrong()) })
		nodes[0].wantRow(t, q, "locked", 3)
	})
}

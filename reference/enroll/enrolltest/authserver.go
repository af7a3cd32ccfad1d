package enrolltest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
)

// AuthServer plays the other side of the plug-in contract.
type AuthServer struct {
	hsm  *hsm.HSM
	keys *Ring

	mu   sync.Mutex
	held map[reference.TokenID]*Held
	log  []string
	fail func(op string) error

	tests testing.TB
	tried map[string]bool // results of activations, by key
}

// Held is a token as it has arrived.
type Held struct {
	Registration plugin.Registration
	State        string
	tok          []byte // under ASK
}

// Fail has every message judged by f first: an error is returned instead of an
// answer. nil ends that.
func (a *AuthServer) Fail(f func(op string) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = f
}

// Log lists the messages that were acknowledged, as "op token".
func (a *AuthServer) Log() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.log...)
}

// State is the state of a token there: "inactive", "active", "suspended", "revoked", "cancelled",
// or "" for one it never heard of.
func (a *AuthServer) State(id reference.TokenID) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h, ok := a.held[id]; ok {
		return h.State
	}
	return ""
}

// Held gives a token as it has arrived.
func (a *AuthServer) Held(id reference.TokenID) Held {
	a.mu.Lock()
	defer a.mu.Unlock()
	return *a.held[id]
}

func (a *AuthServer) judge(op string) error {
	a.mu.Lock()
	f := a.fail
	a.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(op)
}

// Create unwraps TOK under TRK and rewraps it under ASK.
func (a *AuthServer) Create(ctx context.Context, r plugin.Registration) error {
	if err := a.judge("create"); err != nil {
		return err
	}
	h := &Held{Registration: r, State: "active"}
	if r.Activation {
		h.State = "inactive"
	}
	err := a.hsm.Do(ctx, func(ss *hsm.Session) error {
		trk, err := a.keys.trkUnwrap.Key(ctx)
		if err != nil {
			return err
		}
		ask, err := a.keys.ask.Key(ctx)
		if err != nil {
			return err
		}
		tok, err := ss.ImportUnderTransport(trk, r.Blob, r.TOKLength)
		if err != nil {
			return err
		}
		h.tok, err = ss.WrapUnderASK(ask, tok)
		return err
	})
	if err != nil {
		return err
	}
	a.keep("create", r.Token, h)
	return nil
}

func (a *AuthServer) Cancel(_ context.Context, _ string, id reference.TokenID) error {
	if err := a.judge("cancel"); err != nil {
		return err
	}
	a.keep("cancel", id, &Held{State: "cancelled"})
	return nil
}

func (a *AuthServer) SetState(_ context.Context, _ string, id reference.TokenID, op string) error {
	if err := a.judge(op); err != nil {
		return err
	}
	state, known := map[string]string{"suspend": "suspended", "resume": "active", "revoke": "revoked"}[op]
	if !known {
		return fmt.Errorf("%s: %w", op, reference.ErrRefused)
	}
	h := a.Held(id)
	h.State = state
	a.keep(op, id, &h)
	return nil
}

// Activate accepts the OTP of the token's first counter. After a failure of "activate" it
// has heard nothing; after one of "answer" it has judged, and the answer is lost.
func (a *AuthServer) Activate(_ context.Context, key string, id reference.TokenID, attempt plugin.Attempt) error {
	if err := a.judge("activate"); err != nil {
		return err
	}
	right, known := a.outcome(key)
	if !known {
		h := a.Held(id)
		right = h.State == "inactive" && attempt.OTP == a.OTP(a.tests, id, 0)
		if right {
			h.State = "active"
			a.keep("activate", id, &h)
		}
		a.conclude(key, right)
	}
	return a.answer(right)
}

// Settle gives the result of an activation; one that it never heard of is refused for ever.
func (a *AuthServer) Settle(_ context.Context, key string, _ reference.TokenID) error {
	if err := a.judge("settle"); err != nil {
		return err
	}
	right, known := a.outcome(key)
	if !known {
		a.conclude(key, false)
	}
	return a.answer(right)
}

func (a *AuthServer) answer(right bool) error {
	if err := a.judge("answer"); err != nil {
		return err
	}
	if !right {
		return fmt.Errorf("activation: %w", reference.ErrRefused)
	}
	return nil
}

func (a *AuthServer) outcome(key string) (right, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	right, known = a.tried[key]
	return right, known
}

func (a *AuthServer) conclude(key string, right bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tried[key] = right
}

func (a *AuthServer) keep(op string, id reference.TokenID, h *Held) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held[id] = h
	a.log = append(a.log, op+" "+string(id))
}

// OTP computes the OTP that the authentication server expects at a moving factor.
func (a *AuthServer) OTP(t testing.TB, id reference.TokenID, moving uint64) string {
	t.Helper()
	ctx, h := context.Background(), a.Held(id)
	suite, err := oath.ParseSuite(h.Registration.Suite)
	must(t, err)
	var otp string
	must(t, a.hsm.Do(ctx, func(ss *hsm.Session) error {
		ask, err := a.keys.ask.Key(ctx)
		if err != nil {
			return err
		}
		tok, err := ss.UnwrapUnderASK(ask, h.tok, h.Registration.TOKLength)
		if err != nil {
			return err
		}
		otp, err = suite.At(func(data []byte) ([]byte, error) { return ss.MAC(tok, suite.Hash, data) }, moving)
		return err
	}))
	return otp
}

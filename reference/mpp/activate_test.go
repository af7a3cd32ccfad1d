package mpp_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"
	"github.com/epsbench/epsbench/reference/store"
)

// activating is an EPS that asks for activation.
func activating(t testing.TB) *world {
	t.Helper()
	return asking(t, enrolltest.New(t))
}

// asking makes a world an EPS that asks for activation.
func asking(t testing.TB, inner *enrolltest.World) *world {
	t.Helper()
	inner.Config.Activation = true
	inner.Renew(t)
	w := around(t, inner)
	w.parts.Activator = inner.Enroll
	w.renew(t)
	return w
}

// activation is the body for a device, with its next OTP.
func activation(t testing.TB, w *world, d *phone.Device, pin []byte) []byte {
	t.Helper()
	otp, err := d.OTP(pin, w.Clock.Now(), nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := wire.NewActivation(d.Service, d.Token, d.Ticket, otp).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (w *world) postActivation(body []byte) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodPost, wire.ActivationPath, bytes.NewReader(body))
	q.Header.Set("Content-Type", wire.ContentType)
	rec := httptest.NewRecorder()
	w.mpp.Handlers()[wire.ActivationPath].ServeHTTP(rec, q)
	return rec
}

func TestATokenComesWithATicketAndIsActivated(t *testing.T) {
	w := activating(t)
	r := w.Enrol(t)
	d := w.provision(t, r)
	if len(d.Ticket) != reference.TicketSize {
		t.Fatalf("a ticket of %d bytes", len(d.Ticket))
	}
	body := activation(t, w, d, r.PIN.Bytes())
	for range 2 { // the answer may be lost
		answer := w.postActivation(body).Body.Bytes()
		if !bytes.Equal(answer, wire.ActivationProof(d.Ticket, body)) {
			t.Fatalf("refused: %s", w.lastCause(t))
		}
	}
	if state, _ := w.State(t, r.Token); state != reference.Active {
		t.Errorf("the token is %s", state)
	}
}

func TestRefusedActivationsAreAlike(t *testing.T) {
	w := activating(t)
	r := w.Enrol(t)
	d := w.provision(t, r)
	good := activation(t, w, d, r.PIN.Bytes())
	stranger, thief := *d, *d
	stranger.Token = "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"
	thief.Ticket = make([]byte, reference.TicketSize)
	granted := headers(w.postActivation(good))
	seen := map[string]bool{}
	for name, body := range map[string][]byte{
		"nothing": nil, "no CBOR": []byte("x"), "unknown token": activation(t, w, &stranger, r.PIN.Bytes()),
		"wrong ticket": activation(t, w, &thief, r.PIN.Bytes()), "spent": activation(t, w, d, r.PIN.Bytes()),
	} {
		before := w.waiter.slept
		answer := w.postActivation(body)
		if headers(answer) != granted || answer.Body.Len() != wire.ActivationSize || w.waiter.slept-before != mpp.Quantum {
			t.Errorf("%s: %s, %d bytes after %v; a grant has %s", name, headers(answer), answer.Body.Len(), w.waiter.slept-before, granted)
		}
		if seen[answer.Body.String()] {
			t.Errorf("%s: the same bytes as another refusal", name)
		}
		seen[answer.Body.String()] = true
	}
	if n := w.rejects.of("192.0.2.1"); n != 2 {
		t.Errorf("%d strangers are counted", n)
	}
	if n := len(w.Records(t, store.AuditQuery{Event: "refused"})); n != 3 {
		t.Errorf("%d refusals are recorded", n)
	}
}

func TestAnAddressThatFailsToActivateWaits(t *testing.T) {
	w := activating(t)
	w.config.Burst, w.config.Rate = 2, 10
	w.renew(t)
	for i, want := range []time.Duration{100, 100, 200} {
		before := w.waiter.slept
		w.postActivation(nil)
		if waited := w.waiter.slept - before; waited < want*time.Millisecond && i < 2 || i == 2 && waited < 100*time.Millisecond {
			t.Errorf("request %d took %v", i, waited)
		}
	}
}

func TestWithoutActivationThereIsNeitherRouteNorTicket(t *testing.T) {
	w := newWorld(t)
	if w.mpp.Handlers()[wire.ActivationPath] != nil {
		t.Error("there is a route")
	}
	if d := w.provision(t, w.Enrol(t)); len(d.Ticket) != 0 {
		t.Error("there is a ticket")
	}
	on := activating(t)
	on.config.Versions = []int{1, 2}
	if _, err := mpp.New(ctx, on.config, on.parts); !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("activation with MPP v1: %v", err)
	}
}

// TestATokenFromBeforeHasNoTicket: it was made without activation, and needs none.
func TestATokenFromBeforeHasNoTicket(t *testing.T) {
	w := activating(t)
	w.World.Config.Activation = false
	w.Renew(t)
	r := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "before"})
	if d := w.provision(t, r); len(d.Ticket) != 0 {
		t.Error("there is a ticket")
	}
}

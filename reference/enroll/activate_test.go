package enroll_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// theTicket is one that phones of these tests have.
var theTicket = bytes.Repeat([]byte{0xa5}, reference.TicketSize)

// activating is a world that asks for activation.
func activating(t *testing.T) *enrolltest.World {
	t.Helper()
	w := enrolltest.New(t)
	w.Config.Activation = true
	w.Renew(t)
	return w
}

// onPhone enrols a token and marks it as delivered with a ticket.
func onPhone(t *testing.T, w *enrolltest.World) enroll.Activation {
	t.Helper()
	return onPhoneAs(t, w, enrolltest.User)
}

func onPhoneAs(t *testing.T, w *enrolltest.World, user reference.User) enroll.Activation {
	t.Helper()
	id := provisionedAs(t, w, user)
	input, err := reference.TicketInput(enrolltest.Service, id, theTicket)
	if err != nil {
		t.Fatal(err)
	}
	var mac []byte
	err = w.HSM.Do(ctx, func(ss *hsm.Session) error {
		key, err := w.Keys.Ticket(ctx)
		if err != nil {
			return err
		}
		mac, err = ss.MAC(key, crypto.SHA256, input)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Store.Update(ctx, func(tx store.Tx) error { return tx.IssueTicket(id, mac, w.Clock.Now().Add(time.Hour)) }); err != nil {
		t.Fatal(err)
	}
	return enroll.Activation{Service: enrolltest.Service, Token: id, Ticket: theTicket, OTP: w.Server.OTP(t, id, 0), Source: "192.0.2.1"}
}

func activate(t *testing.T, w *enrolltest.World, a enroll.Activation) bool {
	t.Helper()
	got, err := w.Enroll.Activate(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wrongOTP(a enroll.Activation, by byte) enroll.Activation {
	otp := []byte(a.OTP)
	otp[0] = '0' + (otp[0]-'0'+by)%10
	a.OTP = string(otp)
	return a
}

func wantState(t *testing.T, w *enrolltest.World, id reference.TokenID, want reference.State, there string) {
	t.Helper()
	if state, _ := w.State(t, id); state != want || w.Server.State(id) != there {
		t.Errorf("the token is %s here and %s there, want %s and %s", state, w.Server.State(id), want, there)
	}
	if n := len(w.Outbox(t)); n != 0 {
		t.Errorf("%d messages wait", n)
	}
}

func TestTheRightOTPActivatesOnce(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	wantState(t, w, a.Token, reference.Provisioned, "inactive")
	if got := activate(t, w, wrongOTP(a, 1)); got {
		t.Error("a wrong OTP activates")
	}
	wantState(t, w, a.Token, reference.Provisioned, "inactive")
	if got := activate(t, w, a); !got {
		t.Error("the right OTP is refused")
	}
	wantState(t, w, a.Token, reference.Active, "active")
	if got := activate(t, w, a); !got {
		t.Error("the same try gets another answer")
	}
	if got := activate(t, w, wrongOTP(a, 2)); got {
		t.Error("the spent ticket activates with another OTP")
	}
	if got := activate(t, w, a); got {
		t.Error("a ticket that has come with another OTP still tells the one that has activated")
	}
	events := []string{}
	for _, r := range w.Records(t, store.AuditQuery{Token: a.Token}) {
		events = append(events, r.Event)
	}
	want := []string{"enrolling", "enrolled", "activating", "refused", "activating", "activated", "refused", "refused"}
	if !slices.Equal(events, want) {
		t.Errorf("the audit has %v, want %v", events, want)
	}
}

// TestASpentTicketTestsNoPINs: whoever has a copy of the phone makes an OTP of every PIN, and
// no count of the token's would stop him here.
func TestASpentTicketTestsNoPINs(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	if got := activate(t, w, a); !got {
		t.Fatal("the right OTP is refused")
	}
	var granted atomic.Int32
	var wg sync.WaitGroup
	for by := range byte(10) { // the last is the right one
		wg.Go(func() {
			if got, err := w.Enroll.Activate(ctx, wrongOTP(a, by+1)); err != nil {
				t.Error(err)
			} else if got {
				granted.Add(1)
			}
		})
		if by == 0 {
			wg.Wait()
		}
	}
	wg.Wait()
	if granted.Load() != 0 {
		t.Error("of ten OTPs with a spent ticket the right one is told")
	}
}

func TestActivationsThatAreRefusedAreNotJudged(t *testing.T) {
	w := activating(t)
	w.Config.ActivationTries = 2
	w.Renew(t)
	for name, change := range map[string]func(*testing.T, *enroll.Activation){
		"unknown token":   func(_ *testing.T, a *enroll.Activation) { a.Token = "ZZZZZZZZZZZZZZZZZZZZZZZZZZ" },
		"wrong ticket":    func(_ *testing.T, a *enroll.Activation) { a.Ticket = make([]byte, reference.TicketSize) },
		"another service": func(_ *testing.T, a *enroll.Activation) { a.Service = "shop.example" },
		"expired":         func(*testing.T, *enroll.Activation) { w.Clock.Add(time.Hour) },
		"suspended":       func(t *testing.T, a *enroll.Activation) { check(t, w.Enroll.Suspend(ctx, a.Token, "")) },
		"revoked":         func(t *testing.T, a *enroll.Activation) { check(t, w.Enroll.Revoke(ctx, a.Token, "")) },
		"too many tries": func(t *testing.T, a *enroll.Activation) {
			activate(t, w, wrongOTP(*a, 1))
			activate(t, w, wrongOTP(*a, 2))
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := onPhone(t, w)
			id := a.Token
			change(t, &a)
			w.Server.Fail(func(op string) error {
				if op == "activate" {
					t.Error("the OTP was judged")
				}
				return nil
			})
			if got := activate(t, w, a); got {
				t.Error("it activates")
			}
			w.Server.Fail(nil)
			if state, _ := w.State(t, id); state == reference.Active {
				t.Error("the token is active")
			}
			check(t, ignoreConflict(w.Enroll.Revoke(ctx, id, ""))) // the user is free for the next case
		})
	}
}

func ignoreConflict(err error) error {
	if errors.Is(err, reference.ErrConflict) {
		return nil
	}
	return err
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestALostAnswerIsSettled: what the authentication server has done stands; what it has not
// heard of never comes.
func TestALostAnswerIsSettled(t *testing.T) {
	for lost, want := range map[string]struct {
		state reference.State
		there string
		then  bool // the same try later
	}{
		"activate": {reference.Provisioned, "inactive", false},
		"answer":   {reference.Active, "active", true},
	} {
		t.Run(lost, func(t *testing.T) {
			w := activating(t)
			a := onPhone(t, w)
			w.Server.Fail(func(op string) error {
				if op == lost {
					return errors.New("away")
				}
				return nil
			})
			if _, err := w.Enroll.Activate(ctx, a); !errors.Is(err, reference.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			w.Server.Fail(nil)
			check(t, w.Enroll.Flush(ctx))
			wantState(t, w, a.Token, want.state, want.there)
			if got := activate(t, w, a); got != want.then {
				t.Errorf("the same try afterwards: %v", got)
			}
		})
	}
}

// TestATryUnderWayIsNotSettled: Flush waits for it, a new process does not.
func TestATryUnderWayIsNotSettled(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	judging, goOn := make(chan struct{}), make(chan struct{})
	w.Server.Fail(func(op string) error {
		if op == "activate" {
			close(judging)
			<-goOn
		}
		return nil
	})
	var wg sync.WaitGroup
	wg.Go(func() {
		if got, err := w.Enroll.Activate(context.Background(), a); !got || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
	<-judging
	check(t, w.Enroll.Flush(ctx))
	if n := len(w.Outbox(t)); n != 1 {
		t.Errorf("%d messages wait", n)
	}
	close(goOn)
	wg.Wait()
	wantState(t, w, a.Token, reference.Active, "active")
}

// TestALostTryHasNoOtherSettled: what has become of one says nothing of the next.
func TestALostTryHasNoOtherSettled(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	w.Server.Fail(func(string) error { return errors.New("away") })
	if _, err := w.Enroll.Activate(ctx, wrongOTP(a, 1)); !errors.Is(err, reference.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	w.Server.Fail(func(op string) error {
		if op == "activate" {
			return w.Enroll.Flush(ctx)
		}
		return nil
	})
	if got := activate(t, w, a); !got {
		t.Error("the try after a lost one is settled while it is under way")
	}
	wantState(t, w, a.Token, reference.Active, "active")
}

func TestAfterACrashATryIsSettled(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	check(t, w.Store.Update(ctx, func(tx store.Tx) error {
		return tx.PutOutbox(store.OutboxEntry{Key: string(a.Token) + "-activate-00", Op: "activate", Token: a.Token, Created: w.Clock.Now()})
	}))
	check(t, w.Enroll.Recover(ctx))
	check(t, w.Enroll.Flush(ctx))
	wantState(t, w, a.Token, reference.Provisioned, "inactive")
	if got := activate(t, w, a); !got {
		t.Error("another try is refused")
	}
}

// TestASuspensionRemembersTheActivation, also where it comes between OTP and commit.
func TestASuspensionRemembersTheActivation(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	w.Server.Fail(func(op string) error {
		if op == "answer" {
			w.Server.Fail(nil)
			return w.Enroll.Suspend(ctx, a.Token, "officer")
		}
		return nil
	})
	if got := activate(t, w, a); !got {
		t.Error("it does not activate")
	}
	wantState(t, w, a.Token, reference.Suspended, "suspended")
	check(t, w.Enroll.Resume(ctx, a.Token, "officer"))
	wantState(t, w, a.Token, reference.Active, "active")
}

// TestARevocationOvertakesAnActivation: then there is nothing that was activated.
func TestARevocationOvertakesAnActivation(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	w.Server.Fail(func(op string) error {
		if op == "answer" {
			w.Server.Fail(nil)
			return w.Enroll.Revoke(ctx, a.Token, "officer")
		}
		return nil
	})
	if got := activate(t, w, a); got {
		t.Error("it activates")
	}
	wantState(t, w, a.Token, reference.Revoked, "revoked")
}

func TestOnlyOneOfManyTriesActivates(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	var granted sync.Map
	var wg sync.WaitGroup
	for i := range byte(8) {
		wg.Go(func() {
			if got, err := w.Enroll.Activate(ctx, wrongOTP(a, i)); err != nil {
				t.Error(err)
			} else if got {
				granted.Store(i, true)
			}
		})
	}
	wg.Wait()
	n := 0
	granted.Range(func(i, _ any) bool { n++; return i == byte(0) })
	k := reference.Ticket{}
	check(t, w.Store.View(ctx, func(tx store.Reader) (err error) { k, err = tx.Ticket(a.Token); return err }))
	if n > 1 || k.Tries > 5 {
		t.Errorf("%d were granted, %d tries counted", n, k.Tries)
	}
}

func TestActivationHasNoTokenWithoutOTPs(t *testing.T) {
	w := activating(t)
	_, err := w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: "carol", Suite: "OCRA-1:HOTP-SHA256-8:QH64-T30S"})
	if !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	w.Config.Versions, w.Config.Guessing = []int{1, 2}, enroll.Guessing{Rate: 1, Burst: 1, Validity: time.Hour}
	if _, err := enroll.New(w.Config, w.Parts); !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("with MPP v1: %v", err)
	}
}

// TestNothingThatIsKeptGivesTicketOrOTP: neither stands in the database, nor a digest that
// could be searched for the OTP.
func TestNothingThatIsKeptGivesTicketOrOTP(t *testing.T) {
	w := activating(t)
	a := onPhone(t, w)
	activate(t, w, a)
	k := reference.Ticket{}
	check(t, w.Store.View(ctx, func(tx store.Reader) (err error) { k, err = tx.Ticket(a.Token); return err }))
	if bytes.Contains(k.MAC, theTicket) || len(k.MAC) != 32 || k.Try == "" || len(k.Try) > 64 {
		t.Errorf("%+v", k)
	}
	again := onPhoneAs(t, w, "grace")
	activate(t, w, again)
	other := reference.Ticket{}
	check(t, w.Store.View(ctx, func(tx store.Reader) (err error) { other, err = tx.Ticket(again.Token); return err }))
	if bytes.Equal(k.MAC, other.MAC) || k.Try == other.Try {
		t.Error("the same ticket leaves the same trace in two rows")
	}
}

// TestATryThatLosesBothPartsIsSettled: neither the answer nor that there is none could be
// written.
func TestATryThatLosesBothPartsIsSettled(t *testing.T) {
	w := activating(t)
	st := &away{EPS: w.Store}
	w.Parts.Store = st
	w.Renew(t)
	a := onPhone(t, w)
	w.Server.Fail(func(op string) error {
		st.is.Store(op == "activate")
		return map[bool]error{true: errors.New("away")}[op == "activate"]
	})
	if _, err := w.Enroll.Activate(ctx, a); !errors.Is(err, reference.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	w.Server.Fail(nil)
	st.is.Store(false)
	check(t, w.Enroll.Flush(ctx))
	wantState(t, w, a.Token, reference.Provisioned, "inactive")
}

package mpp_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"
	"github.com/epsbench/epsbench/reference/store"
)

func TestAPhoneGetsTheTokenThatTheAuthenticationServerHas(t *testing.T) {
	w := newWorld(t)
	for _, suite := range []string{"HOTP-SHA256-6", "HOTP-SHA1-8", "HOTP-SHA512-7", "TOTP-SHA256-6-30", "TOTP-SHA512-8-60"} {
		t.Run(suite, func(t *testing.T) {
			r := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: reference.User(suite), Suite: suite})
			d := w.provision(t, r)
			moving := uint64(0)
			if suite[:4] == "TOTP" {
				moving = uint64(w.Clock.Now().Unix()) / map[string]uint64{"TOTP-SHA256-6-30": 30, "TOTP-SHA512-8-60": 60}[suite]
			}
			otp, err := d.OTP(r.PIN.Bytes(), w.Clock.Now(), nowhere{})
			if want := w.Server.OTP(t, r.Token, moving); err != nil || otp != want {
				t.Errorf("the phone shows %s, the authentication server expects %s, %v", otp, want, err)
			}
			if state, code := w.State(t, r.Token); state != reference.Provisioned || code != reference.CodeUsed {
				t.Errorf("token is %s, code is %s", state, code)
			}
		})
	}
}

func TestADeliveryIsRecordedAtTheNewRowVersion(t *testing.T) {
	w := newWorld(t)
	r := w.Enrol(t)
	w.provision(t, r)
	records := w.Records(t, store.AuditQuery{Token: r.Token})
	if last := records[len(records)-1]; last.Event != "provisioned" || last.RowVersion != 3 || last.Actor != "phone" {
		t.Errorf("last record %+v", last)
	}
}

// A refusal case leaves a request that must be refused.
type refusal struct {
	cause string // in the audit; "" where no session is known
	body  func(t *testing.T, w *world, r enroll.Result) []byte
}

// as is a request with the right code and a change of the EPS's state before it is sent.
func as(change func(t *testing.T, w *world, r enroll.Result)) func(*testing.T, *world, enroll.Result) []byte {
	return func(t *testing.T, w *world, r enroll.Result) []byte {
		_, body := w.request(t, r.Code.Bytes())
		change(t, w, r)
		return body
	}
}

// flipped is a good request with one byte changed: at < 0 counts from its end.
func flipped(at int) func(*testing.T, *world, enroll.Result) []byte {
	return func(t *testing.T, w *world, r enroll.Result) []byte {
		_, body := w.request(t, r.Code.Bytes())
		body[(at+len(body))%len(body)] ^= 1
		return body
	}
}

var refusals = map[string]refusal{
	"empty body":               {"", func(*testing.T, *world, enroll.Result) []byte { return nil }},
	"garbage":                  {"", func(*testing.T, *world, enroll.Result) []byte { return bytes.Repeat([]byte{0xff}, 600) }},
	"largest body":             {"", func(*testing.T, *world, enroll.Result) []byte { return make([]byte, wire.MaxRequest) }},
	"flipped CBOR":             {"", flipped(0)},
	"flipped OAEP block":       {"", flipped(-60)},
	"flipped box":              {"", flipped(-1)},
	"nonce of another request": {"", spliced},
	"S of 33 bytes":            {"", longS},
	"key of another EPS":       {"", otherKey},
	"suite that is not here":   {"", otherSuite},
	"unknown locator": {"unknown code", func(t *testing.T, w *world, _ enroll.Result) []byte {
		_, body := w.request(t, []byte("ZZZZZZZZ-12345678901"))
		return body
	}},
	"wrong code": {"wrong code", func(t *testing.T, w *world, r enroll.Result) []byte {
		_, body := w.request(t, wrong(r.Code))
		return body
	}},
	"code cut short": {"wrong code", func(t *testing.T, w *world, r enroll.Result) []byte {
		_, body := w.request(t, r.Code.Bytes()[:len(r.Code.Bytes())-1])
		return body
	}},
	"another service": {"wrong code", func(t *testing.T, w *world, r enroll.Result) []byte {
		_, body, err := phone.BuildRequest(w.pinned(t), "shop.example", r.Code.Bytes(), w.HSM.Random())
		if err != nil {
			t.Fatal(err)
		}
		return body
	}},
	"expired": {"code has expired", as(func(_ *testing.T, w *world, _ enroll.Result) { w.Clock.Add(24 * time.Hour) })},
	"revoked": {"code is not live", as(func(t *testing.T, w *world, r enroll.Result) {
		if err := w.Enroll.Revoke(ctx, r.Token, "test"); err != nil {
			t.Fatal(err)
		}
	})},
	"replaced code": {"code is not live", as(func(t *testing.T, w *world, r enroll.Result) {
		if _, err := w.Enroll.Reissue(ctx, r.Token, "test"); err != nil {
			t.Fatal(err)
		}
	})},
	"used code": {"code is not live", as(func(t *testing.T, w *world, r enroll.Result) { w.provision(t, r) })},
	"suspended": {"code is not live", as(func(t *testing.T, w *world, r enroll.Result) {
		w.provision(t, r)
		if err := w.Enroll.Suspend(ctx, r.Token, "test"); err != nil {
			t.Fatal(err)
		}
	})},
	"token still pending": {"token is not issued", as(func(t *testing.T, w *world, r enroll.Result) {
		w.sql(t, "UPDATE tokens SET state = 'pending'")
	})},
	"row of an older copy": {"row is not the newest", as(func(t *testing.T, w *world, r enroll.Result) {
		w.provision(t, r)
		w.sql(t, "UPDATE tokens SET state = 'issued', row_version = 2")
		w.sql(t, "UPDATE codes SET state = 'live'")
	})},
	"row and audit of an older copy":               {causeAudit, as(func(t *testing.T, w *world, r enroll.Result) { w.rewind(t, r, "row_version = 2") })},
	"row of an older copy, a newer record of none": {causeAudit, as(func(t *testing.T, w *world, r enroll.Result) { w.rewind(t, r, "row_version = 0") })},
	"row of an older copy, a newer record in another group": {causeAudit, as(func(t *testing.T, w *world, r enroll.Result) {
		w.rewind(t, r, "row_version = 0, group_no = group_no - 1")
	})},
	"C of another row": {"row does not open", as(transplant)},
	"salt of another row": {"row does not open", as(func(t *testing.T, w *world, r enroll.Result) {
		w.sql(t, "UPDATE tokens SET salt = zeroblob(16)")
	})},
	"fewer iterations in the row": {"row does not open", as(func(t *testing.T, w *world, r enroll.Result) {
		w.sql(t, "UPDATE tokens SET iterations = 1")
	})},
	"token of another user": {"row does not open", as(func(t *testing.T, w *world, r enroll.Result) {
		w.sql(t, "UPDATE tokens SET user_name = 'mallory'")
	})},
}

// causeAudit is a row that the audit does not bear out.
const causeAudit = "audit of the row was changed"

// rewind delivers a token and then puts back row, code and, by a statement of its own, the
// record of the delivery.
func (w *world) rewind(t *testing.T, r enroll.Result, record string) {
	t.Helper()
	w.provision(t, r)
	w.sql(t, "UPDATE tokens SET state = 'issued', row_version = 2")
	w.sql(t, "UPDATE codes SET state = 'live'")
	w.sql(t, "UPDATE audit_records SET "+record+" WHERE event = 'provisioned'")
}

// TestEveryRefusalLooksTheSame compares each refusal with a grant and with each
// other: status, headers, length, and that it leaves on the grid.
func TestEveryRefusalLooksTheSame(t *testing.T) {
	w := newWorld(t)
	granted := w.post(t, second(w.request(t, w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "granted"}).Code.Bytes())))
	seen := map[string]bool{}
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			body := c.body(t, w, w.Enrol(t))
			before := len(w.Records(t, store.AuditQuery{Event: "refused"}))
			slept := w.waiter.slept
			got := w.post(t, body)
			if headers(got) != headers(granted) {
				t.Errorf("headers %s\nof a grant %s", headers(got), headers(granted))
			}
			if n := got.Body.Len(); n != wire.ResponseSize {
				t.Errorf("%d bytes", n)
			}
			if waited := w.waiter.slept - slept; waited != 100*time.Millisecond {
				t.Errorf("left after %v", waited)
			}
			if seen[got.Body.String()] {
				t.Error("the same bytes as another refusal")
			}
			seen[got.Body.String()] = true
			recorded := len(w.Records(t, store.AuditQuery{Event: "refused"})) - before
			if c.cause == "" && (recorded != 0 || w.rejects.of("192.0.2.1") != 1) {
				t.Errorf("%d records, %d counted", recorded, w.rejects.of("192.0.2.1"))
			}
			if c.cause != "" && (recorded != 1 || w.lastCause(t) != c.cause) {
				t.Errorf("%d records, the cause is %q, want %q", recorded, w.lastCause(t), c.cause)
			}
		})
	}
}

func second(_ *phone.Session, body []byte) []byte { return body }

func TestARefusedPhoneSaysNoMoreThanNoGrant(t *testing.T) {
	w := newWorld(t)
	s, body := w.request(t, wrong(w.Enrol(t).Code))
	_, err := s.Accept(w.post(t, body).Body.Bytes(), w.Clock.Now())
	if !errors.Is(err, phone.CheckFormat) {
		t.Errorf("have %v", err)
	}
}

func TestTwoHundredParallelUsesDeliverOnce(t *testing.T) {
	const uses = 200
	w := newWorld(t)
	r := w.Enrol(t)
	bodies := make([][]byte, uses)
	for i := range bodies {
		_, bodies[i] = w.request(t, r.Code.Bytes())
	}
	var granted atomic.Int32
	var all sync.WaitGroup
	for i := range bodies {
		all.Go(func() {
			if answer, ok := w.mpp.Provision(ctx, 2, fmt.Sprintf("127.0.0.%d", i%8), bodies[i]); len(answer) != wire.ResponseSize {
				t.Errorf("%d bytes", len(answer))
			} else if ok {
				granted.Add(1)
			}
		})
	}
	all.Wait()
	if granted.Load() != 1 {
		t.Errorf("delivered %d times", granted.Load())
	}
	if n := len(w.Records(t, store.AuditQuery{Event: "refused"})); n != uses-1 {
		t.Errorf("%d refusals are recorded", n)
	}
	if n := len(w.Records(t, store.AuditQuery{Event: "provisioned"})); n != 1 {
		t.Errorf("%d deliveries are recorded", n)
	}
}

func TestAReplayedRequestIsRefused(t *testing.T) {
	w := newWorld(t)
	r := w.Enrol(t)
	_, body := w.request(t, r.Code.Bytes())
	if _, ok := w.mpp.Provision(ctx, 2, "", body); !ok {
		t.Fatal("refused at first")
	}
	if _, ok := w.mpp.Provision(ctx, 2, "", body); ok {
		t.Error("delivered again")
	}
}

func TestFiveFailuresKillThatCodeAndNoOther(t *testing.T) {
	w := newWorld(t)
	r := w.Enrol(t)
	other := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "grace"})
	for i := range 5 {
		if _, code := w.State(t, r.Token); code != reference.CodeLive {
			t.Fatalf("dead after %d failures", i)
		}
		w.post(t, second(w.request(t, wrong(r.Code))))
	}
	if _, code := w.State(t, r.Token); code != reference.CodeKilled {
		t.Errorf("the code is %s", code)
	}
	w.post(t, second(w.request(t, r.Code.Bytes())))
	if cause := w.lastCause(t); cause != "code is not live" {
		t.Errorf("the right code after that: %s", cause)
	}
	w.provision(t, other)
	again, err := w.Enroll.Reissue(ctx, r.Token, "test")
	if err != nil {
		t.Fatal(err)
	}
	w.provision(t, again)
}

func TestOfParallelGuessesFiveAreCounted(t *testing.T) {
	w := newWorld(t)
	r := w.Enrol(t)
	var all sync.WaitGroup
	for range 40 {
		_, body := w.request(t, wrong(r.Code))
		all.Go(func() {
			if _, ok := w.mpp.Provision(ctx, 2, "", body); ok {
				t.Error("a wrong code was taken")
			}
		})
	}
	all.Wait()
	_, code, err := w.Enroll.Status(ctx, r.Token)
	if err != nil || code.Failures != 5 || code.State != reference.CodeKilled {
		t.Errorf("%d failures, %s, %v", code.Failures, code.State, err)
	}
}

func TestAFailureCountsOnlyAgainstALiveCode(t *testing.T) {
	w := newWorld(t)
	r := w.Enrol(t)
	w.provision(t, r)
	w.post(t, second(w.request(t, wrong(r.Code))))
	if _, code, err := w.Enroll.Status(ctx, r.Token); err != nil || code.Failures != 0 || code.State != reference.CodeUsed {
		t.Errorf("%+v, %v", code.State, err)
	}
}

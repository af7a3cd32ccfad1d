package mpp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
	"github.com/epsbench/epsbench/reference/phone"
)

// both turns on both versions; codes are for v1 unless a test asks for others.
func (w *world) both(t testing.TB) *world {
	t.Helper()
	w.Config.Versions, w.Config.Guessing = []int{1, 2}, enroll.Guessing{Rate: 1, Burst: 10_000, Validity: 24 * time.Hour}
	w.Renew(t)
	w.config.Versions, w.config.TotalBurst = []int{1, 2}, 10_000
	w.renew(t)
	return w
}

func (w *world) enrolV1(t testing.TB, user reference.User) enroll.Result {
	t.Helper()
	return w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: user, MPP: 1})
}

func (w *world) requestV1(t testing.TB, rc []byte) (*phone.SessionV1, []byte) {
	t.Helper()
	s, body, err := phone.BuildRequestV1(w.pinned(t), enrolltest.Service, rc, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s, body
}

func (w *world) postV1(t testing.TB, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequest(http.MethodPost, wire1.Path, bytes.NewReader(body))
	q.Header.Set("Content-Type", wire.ContentType)
	rec := httptest.NewRecorder()
	w.mpp.Handlers()[wire1.Path].ServeHTTP(rec, q)
	return rec
}

func TestALiteralPhoneGetsTheTokenThatTheAuthenticationServerHas(t *testing.T) {
	w := newWorld(t).both(t)
	r := w.enrolV1(t, "ada")
	if bytes.Contains(r.Code.Bytes(), []byte("-")) {
		t.Fatal("a code of v1 has a locator")
	}
	s, body := w.requestV1(t, r.Code.Bytes())
	d, err := s.Accept(w.postV1(t, body).Body.Bytes(), w.Clock.Now())
	if err != nil {
		t.Fatalf("%v; the audit says %s", err, w.lastCause(t))
	}
	otp, err := d.OTP(r.PIN.Bytes(), w.Clock.Now(), nowhere{})
	if want := w.Server.OTP(t, r.Token, 0); err != nil || otp != want {
		t.Errorf("the phone shows %s, the authentication server expects %s, %v", otp, want, err)
	}
	if state, code := w.State(t, r.Token); state != reference.Provisioned || code != reference.CodeUsed {
		t.Errorf("token is %s, code is %s", state, code)
	}
}

// literally builds a request around any plain text of the RSA block.
func literally(t testing.TB, w *world, plain []byte, knobs ...func(*wire1.Request)) []byte {
	t.Helper()
	p := w.pinned(t)
	sum := map[uint64]hash.Hash{wire.SuiteSHA256: sha256.New(), wire.SuiteSHA1: sha1.New()}[p.Suite]
	block, err := rsa.EncryptOAEP(sum, rand.Reader, w.Keys.MPPPublic(1), plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	q := wire1.Request{
		Name: wire.Name, Version: 1, Suite: p.Suite, KeyID: p.V1.KeyID, Service: enrolltest.Service,
		Nonce: make([]byte, wire.NonceSize), OAEP: block,
	}
	for _, knob := range knobs {
		knob(&q)
	}
	body, err := wire.Encode(q)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// secretly is K1 ‖ K2 ‖ RC of any bytes.
func secretly(k1, k2, code []byte) []byte { return slices.Concat(k1, k2, code) }

func key(first byte) []byte {
	k := make([]byte, wire1.KeySize)
	for i := range k {
		k[i] = first + byte(i)
	}
	return k
}

var literalRefusals = map[string]refusal{
	"empty body": {"", func(*testing.T, *world, enroll.Result) []byte { return nil }},
	"a v2 request": {"", func(t *testing.T, w *world, _ enroll.Result) []byte {
		_, body := w.request(t, []byte("ZZZZZZZZ-12345678901"))
		return body
	}},
	"v2's key id": {"", func(t *testing.T, w *world, r enroll.Result) []byte {
		return literally(t, w, secretly(key(1), key(2), r.Code.Bytes()), func(q *wire1.Request) { q.KeyID = w.Keys.KeyID(2) })
	}},
	"changed block": {"", func(t *testing.T, w *world, r enroll.Result) []byte {
		return literally(t, w, secretly(key(1), key(2), r.Code.Bytes()), func(q *wire1.Request) { q.OAEP[200] ^= 1 })
	}},
	"K1 is K2": {"", func(t *testing.T, w *world, r enroll.Result) []byte {
		return literally(t, w, secretly(key(1), key(1), r.Code.Bytes()))
	}},
	"K1 is zero": {"", func(t *testing.T, w *world, r enroll.Result) []byte {
		return literally(t, w, secretly(make([]byte, 32), key(1), r.Code.Bytes()))
	}},
	"K2 of equal bytes": {"", func(t *testing.T, w *world, r enroll.Result) []byte {
		return literally(t, w, secretly(key(1), bytes.Repeat([]byte{7}, 32), r.Code.Bytes()))
	}},
	"K2 is short": {"", func(t *testing.T, w *world, r enroll.Result) []byte {
		return literally(t, w, secretly(key(1), key(2)[:16], r.Code.Bytes()))
	}},
	"no code": {"", func(t *testing.T, w *world, _ enroll.Result) []byte {
		return literally(t, w, secretly(key(1), key(2), nil))
	}},
	"a code with its row's name": {"", func(t *testing.T, w *world, _ enroll.Result) []byte {
		return literally(t, w, secretly(key(1), key(2), []byte("ABCDEFGH-1234")))
	}},
	"wrong code": {"unknown code", func(t *testing.T, w *world, r enroll.Result) []byte {
		_, body := w.requestV1(t, wrong(r.Code))
		return body
	}},
	"another service": {"unknown code", func(t *testing.T, w *world, r enroll.Result) []byte {
		return literally(t, w, secretly(key(1), key(2), r.Code.Bytes()), func(q *wire1.Request) { q.Service = "shop.example" })
	}},
	"the digits of a v2 code": {"unknown code", func(t *testing.T, w *world, _ enroll.Result) []byte {
		v2 := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "of v2", MPP: 2})
		_, body := w.requestV1(t, v2.Code.Bytes()[reference.LocatorLength+1:])
		return body
	}},
	"expired": {"code has expired", func(t *testing.T, w *world, r enroll.Result) []byte {
		_, body := w.requestV1(t, r.Code.Bytes())
		w.Clock.Add(24 * time.Hour)
		return body
	}},
	"revoked": {"code is not live", func(t *testing.T, w *world, r enroll.Result) []byte {
		if err := w.Enroll.Revoke(ctx, r.Token, "test"); err != nil {
			t.Fatal(err)
		}
		_, body := w.requestV1(t, r.Code.Bytes())
		return body
	}},
	"C of another row": {"row does not open", func(t *testing.T, w *world, r enroll.Result) []byte {
		transplant(t, w, r)
		_, body := w.requestV1(t, r.Code.Bytes())
		return body
	}},
}

func TestLiteralRefusalsLookAlike(t *testing.T) {
	inner := enrolltest.New(t)
	for name, c := range literalRefusals {
		t.Run(name, func(t *testing.T) {
			w := around(t, enrolltest.Beside(t, inner)).both(t)
			body := c.body(t, w, w.enrolV1(t, "ada"))
			before := w.waiter.Now()
			resp := w.postV1(t, body)
			if resp.Code != http.StatusOK || resp.Body.Len() != wire1.ResponseSize {
				t.Errorf("status %d, %d bytes", resp.Code, resp.Body.Len())
			}
			if elapsed := w.waiter.Now().Sub(before); elapsed == 0 || elapsed%(100*time.Millisecond) != 0 {
				t.Errorf("left after %v", elapsed)
			}
			if _, err := wire1.DecodeResponse(resp.Body.Bytes()); err == nil {
				t.Error("it was granted")
			}
			want := c.cause
			if want == "" {
				want = "nothing"
			}
			if cause := w.lastCause(t); cause != want {
				t.Errorf("the audit says %q, want %q", cause, want)
			}
		})
	}
}

// A v2 request cannot use, or count against, a code of v1, even with its row's name.
func TestACodeIsOfOneVersion(t *testing.T) {
	w := newWorld(t).both(t)
	r := w.enrolV1(t, "ada")
	_, row, err := w.Enroll.Status(ctx, r.Token)
	if err != nil {
		t.Fatal(err)
	}
	_, body := w.request(t, append([]byte(row.Locator+"-"), r.Code.Bytes()...))
	w.post(t, body)
	if cause := w.lastCause(t); cause != "code of another version" {
		t.Errorf("the audit says %q", cause)
	}
	if _, row, err = w.Enroll.Status(ctx, r.Token); err != nil || row.Failures != 0 || row.State != reference.CodeLive {
		t.Errorf("the code is %+v, %v", row, err)
	}
	again, err := w.Enroll.Reissue(ctx, r.Token, "test")
	if err != nil || bytes.Contains(again.Code.Bytes(), []byte("-")) {
		t.Errorf("reissued as a code of v2, %v", err)
	}
}

func TestALiteralRefusalAsksTheHSMForWhatAGrantAsks(t *testing.T) {
	r := &recorder{PKCS11: hsmtest.Module(t)}
	inner := enrolltest.On(t, hsmtest.Open(t, r, hsmtest.Token(t)))
	w := around(t, inner).both(t)
	w.postV1(t, nil) // the first request finds keys that later ones have
	_, warm := w.requestV1(t, w.enrolV1(t, "first").Code.Bytes())
	w.postV1(t, warm)
	_, good := w.requestV1(t, w.enrolV1(t, "granted").Code.Bytes())
	granted := r.since(func() { w.postV1(t, good) })
	for _, c := range []string{"decrypt", "create", "sign", "wrap"} {
		if !slices.Contains(granted, c) {
			t.Fatalf("a grant makes the calls %v", granted)
		}
	}
	for name, c := range literalRefusals {
		if c.cause == causeAudit { // the database was tampered with: more groups are looked at than a new token has
			continue
		}
		if c.cause == "row does not open" { // the database was tampered with: it opens the decoy's after that
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := around(t, enrolltest.Beside(t, inner)).both(t)
			body := c.body(t, w, w.enrolV1(t, "ada"))
			refused := r.since(func() { w.postV1(t, body) })
			if c.cause == "" { // not recorded one by one: the audit seals nothing
				refused = append(refused, "sign")
			}
			if !slices.Equal(refused, granted) {
				t.Errorf("refused: %s\ngranted: %s", strings.Join(refused, " "), strings.Join(granted, " "))
			}
		})
	}
}

// All addresses together have so many failures of v1, and v2 none of the delay.
func TestLiteralFailuresAreLimitedInTotal(t *testing.T) {
	w := newWorld(t).both(t)
	w.config.TotalBurst = 3
	w.renew(t)
	r := w.enrolV1(t, "ada")
	_, bad := w.requestV1(t, wrong(r.Code))
	before := w.waiter.Now()
	for i := range 8 {
		w.mpp.Provision(ctx, 1, fmt.Sprintf("192.0.2.%d", i), bad)
	}
	if took := w.waiter.Now().Sub(before); took < 4900*time.Millisecond || took > 5200*time.Millisecond {
		t.Errorf("8 failures from 8 addresses took %v, with 3 at once and 1 a second", took)
	}
	before = w.waiter.Now()
	if w.mpp.Provision(ctx, 2, "192.0.2.9", nil); w.waiter.Now() != before {
		t.Error("a request of v2 waited")
	}
	hurried, cancel := context.WithCancel(ctx)
	cancel()
	if _, granted := w.mpp.Provision(hurried, 1, "192.0.2.9", bad); granted {
		t.Error("granted")
	}
}

// Codes without a locator are issued while a guess at all of them stays unlikely.
func TestIssuingStopsWhereGuessingWouldSucceed(t *testing.T) {
	w := newWorld(t).both(t)
	w.Config.Guessing = enroll.Guessing{Rate: 100, Burst: 10_000_000, Validity: 24 * time.Hour} // 2 codes in 10^11/2048
	w.Renew(t)
	for _, user := range []reference.User{"ada", "bob"} {
		w.enrolV1(t, user)
	}
	_, err := w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: "eve", MPP: 1})
	if want := reference.ErrUnavailable; err == nil || !strings.Contains(err.Error(), want.Error()) {
		t.Fatalf("the third: %v", err)
	}
	w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "eve", MPP: 2})
	w.Clock.Add(24 * time.Hour)
	w.enrolV1(t, "mallory")
	w.Config.Guessing.Burst = 100_000_000
	if _, err := enroll.New(w.Config, w.Parts); err == nil {
		t.Error("a configuration that could never issue is taken")
	}
}

func TestVersionsThatAreOffHaveNoHandler(t *testing.T) {
	w := newWorld(t)
	if h := w.mpp.Handlers(); len(h) != 1 || h[wire.Path] == nil {
		t.Errorf("%d handlers", len(h))
	}
}

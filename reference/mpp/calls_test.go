package mpp_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// recorder is a token that remembers which cryptographic calls were made, in order.
type recorder struct {
	hsm.PKCS11
	mu    sync.Mutex
	calls []string
}

func (r *recorder) note(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

// since gives the calls that f causes.
func (r *recorder) since(f func()) []string {
	r.mu.Lock()
	r.calls = nil
	r.mu.Unlock()
	f()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

func (r *recorder) UnwrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, w []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	r.note("unwrap")
	return r.PKCS11.UnwrapKey(sh, m, k, w, a)
}

func (r *recorder) DeriveKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	r.note("derive")
	return r.PKCS11.DeriveKey(sh, m, k, a)
}

func (r *recorder) WrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, w, k pkcs11.ObjectHandle) ([]byte, error) {
	r.note("wrap")
	return r.PKCS11.WrapKey(sh, m, w, k)
}

func (r *recorder) Sign(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	r.note("sign")
	return r.PKCS11.Sign(sh, data)
}

func (r *recorder) Decrypt(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	r.note("decrypt")
	return r.PKCS11.Decrypt(sh, data)
}

func (r *recorder) CreateObject(sh pkcs11.SessionHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	r.note("create")
	return r.PKCS11.CreateObject(sh, a)
}

// TestARefusalAsksTheHSMForWhatAGrantAsks compares the calls: whoever sees the HSM's
// load, or the time, learns nothing of the cause.
func TestARefusalAsksTheHSMForWhatAGrantAsks(t *testing.T) {
	t.Run("without activation", func(t *testing.T) { asksTheSame(t, around) })
	t.Run("with activation", func(t *testing.T) { asksTheSame(t, asking) })
}

func asksTheSame(t *testing.T, around func(testing.TB, *enrolltest.World) *world) {
	r := &recorder{PKCS11: hsmtest.Module(t)}
	inner := enrolltest.On(t, hsmtest.Open(t, r, hsmtest.Token(t)))
	w := around(t, inner)
	w.post(t, nil) // the first request finds keys that later ones have
	w.post(t, second(w.request(t, w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "first"}).Code.Bytes())))
	w.post(t, flipped(-60)(t, w, w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "decoy"})))

	_, good := w.request(t, w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "granted"}).Code.Bytes())
	granted := r.since(func() { w.post(t, good) })
	for _, c := range []string{"unwrap", "derive", "sign", "wrap"} {
		if !slices.Contains(granted, c) {
			t.Fatalf("a grant makes the calls %v", granted)
		}
	}
	for name, c := range refusals {
		if c.cause == causeAudit { // the database was tampered with: more groups are looked at than a new token has
			continue
		}
		if c.cause == "row does not open" { // the database was tampered with: it opens the decoy's after that
			continue
		}
		if name == "S of 33 bytes" { // its sender knows its length; the first derivation fails
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := around(t, enrolltest.Beside(t, inner))
			body := c.body(t, w, w.Enrol(t))
			refused := r.since(func() { w.post(t, body) })
			if c.cause == "" { // not recorded one by one: the audit seals nothing
				refused = append(refused, "sign")
			}
			if !slices.Equal(refused, granted) {
				t.Errorf("refused: %s\ngranted: %s", strings.Join(refused, " "), strings.Join(granted, " "))
			}
		})
	}
}

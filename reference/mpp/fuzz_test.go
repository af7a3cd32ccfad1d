package mpp_test

import (
	"bytes"
	"testing"

	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/store"
)

// FuzzProvision sends anything to a whole EPS: nothing is granted, every answer has
// one length, and nothing in the store changes.
func FuzzProvision(f *testing.F) {
	w := newWorld(f)
	v := readVectors(f)
	for _, e := range v.Exchanges {
		f.Add(unhex(f, e.Request.Body))
	}
	r := w.Enrol(f)
	_, body := w.request(f, wrong(r.Code))
	f.Add(body)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := w.liveCodes(t)
		if answer, granted := w.mpp.Provision(ctx, 2, "", b); granted || len(answer) != wire.ResponseSize {
			t.Errorf("granted %v, %d bytes", granted, len(answer))
		}
		if w.liveCodes(t) != before {
			t.Error("a code has changed")
		}
	})
}

// liveCodes counts the codes that can still be used.
func (w *world) liveCodes(t testing.TB) (n int) {
	t.Helper()
	if err := w.Store.View(ctx, func(tx store.Reader) (err error) {
		n, err = tx.LiveCodes()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// FuzzActivate sends anything to the route of activation: nothing is granted, and every
// answer has one length.
func FuzzActivate(f *testing.F) {
	w := activating(f)
	r := w.Enrol(f)
	d := w.provision(f, r)
	good := activation(f, w, d, r.PIN.Bytes())
	f.Add(good[:len(good)-1])
	f.Add([]byte{0x86})
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Equal(b, good) {
			return
		}
		if answer, granted := w.mpp.Activate(ctx, "", b); granted || len(answer) != wire.ActivationSize {
			t.Errorf("granted %v, %d bytes", granted, len(answer))
		}
	})
}

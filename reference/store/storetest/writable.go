package storetest

import (
	"context"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// writable: a store that can write says so, and keeps nothing of how it found out. A closed
// one cannot.
func writable(t *testing.T, e Engine) {
	ctx := context.Background()
	st := e.open(t, e.New(t))
	update(t, st, func(tx store.Tx) error { return tx.PutKey(store.WrappedKey{Name: "DBK", Version: 1, Created: now}) })
	for range 3 {
		if err := st.Writable(ctx); err != nil {
			t.Fatal(err)
		}
	}
	view(t, st, func(tx store.Reader) error {
		keys, err := tx.Keys()
		if len(keys) != 1 {
			t.Errorf("%d keys, one was put", len(keys))
		}
		return err
	})
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, "a closed store", st.Writable(ctx), reference.ErrUnavailable)

	auth := e.openAuthServer(t, e.New(t))
	if err := auth.Writable(ctx); err != nil {
		t.Error(err)
	}
	if err := auth.View(ctx, func(tx store.AuthReader) error {
		keys, err := tx.Keys()
		if len(keys) != 0 {
			t.Errorf("%d keys, none was put", len(keys))
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

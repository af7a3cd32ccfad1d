package fault

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// What was written in a transaction that is aborted is gone, the store makes the change
// again, and gives up in the end.
func TestAbortedTransactionsAreMadeAgain(t *testing.T) {
	ctx := context.Background()
	c, err := sqlite.Config(ctx, filepath.Join(t.TempDir(), "db"), "authserver")
	if err != nil {
		t.Fatal(err)
	}
	var a Aborts
	st, err := sql.OpenAuthServer(ctx, a.In(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	runs := 0
	put := func(key string) error {
		runs = 0
		return st.Update(ctx, func(tx store.AuthTx) error {
			runs++
			if _, err := tx.Message(key); !errors.Is(err, reference.ErrNotFound) {
				t.Errorf("run %d sees what an aborted one has written: %v", runs, err)
			}
			return tx.InsertMessage(store.Message{Key: key, Digest: []byte("digest"), Result: "done", At: time.Now()})
		})
	}
	kept := func(key string) bool {
		err := st.View(ctx, func(tx store.AuthReader) error { _, err := tx.Message(key); return err })
		return err == nil
	}
	for n := range 3 {
		a.Arm(n)
		key := string(rune('a' + n))
		if err := put(key); err != nil || runs != n+1 || a.Done() != n || !kept(key) {
			t.Errorf("%d aborts: %v, %d runs, %d aborted, kept %v", n, err, runs, a.Done(), kept(key))
		}
	}
	a.Arm(1 << 20)
	if err := put("never"); !errors.Is(err, reference.ErrUnavailable) || kept("never") {
		t.Errorf("aborted each time: %v, kept %v", err, kept("never"))
	}
	a.Arm(0)
	if err := put("after"); err != nil || !kept("after") {
		t.Errorf("after the aborts: %v", err)
	}
}

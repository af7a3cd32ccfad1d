package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

var errRefusedHere = errors.New("refused by the test")

// testAtomic: of 200 concurrent changes, each with two rows and an audit record, every
// third fails in its middle, at its end, or on a duplicate. What failed left nothing.
func testAtomic(t *testing.T, st store.EPS) {
	held := holdWriter(t, st) // so that they meet in one commit
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		wg.Go(func() {
			errs[i] = st.Update(context.Background(), func(tx store.Tx) error { return twoRows(tx, i) })
		})
	}
	held()
	wg.Wait()
	view(t, st, func(tx store.Reader) error {
		for i, err := range errs {
			want(t, fmt.Sprintf("change %d", i), err, wantedOf(i))
			_, tokenErr := tx.Token(tokenID("atomic", i))
			_, codeErr := tx.CodeByLocator(fmt.Sprintf("AT%06d", i))
			records, err := tx.AuditRecords(store.AuditQuery{Token: tokenID("atomic", i)})
			if err != nil {
				return err
			}
			if there := tokenErr == nil; there != (wantedOf(i) == nil) || there != (codeErr == nil) || there != (len(records) == 1) {
				t.Errorf("change %d: token %v, code %v, %d audit records", i, tokenErr, codeErr, len(records))
			}
		}
		return nil
	})
}

func wantedOf(i int) error {
	if i%3 == 0 {
		return errRefusedHere
	}
	return nil
}

func twoRows(tx store.Tx, i int) error {
	k := newToken("atomic", i)
	if i%9 == 0 {
		return errRefusedHere
	}
	if err := tx.InsertToken(k); err != nil {
		return err
	}
	if i%9 == 3 {
		return fmt.Errorf("a duplicate: %w: %w", errRefusedHere, tx.InsertToken(k))
	}
	if err := tx.Audit(store.AuditRecord{At: now, Event: "enrolled", Actor: "test", Token: k.ID, RowVersion: 1}); err != nil {
		return err
	}
	if err := tx.InsertCode(newCode(k.ID, fmt.Sprintf("AT%06d", i))); err != nil {
		return err
	}
	return wantedOf(i)
}

// holdWriter keeps a change running until the function it gives is called.
func holdWriter(t *testing.T, st store.EPS) (release func()) {
	t.Helper()
	running, hold, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- st.Update(context.Background(), func(store.Tx) error {
			close(running)
			<-hold
			return nil
		})
	}()
	<-running
	return func() {
		close(hold)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// testVisibility: a change reads its own rows; a view at the same moment does not.
func testVisibility(t *testing.T, st store.EPS) {
	k := newToken("visible", 1)
	update(t, st, func(tx store.Tx) error {
		if err := tx.InsertToken(k); err != nil {
			return err
		}
		if _, err := tx.Token(k.ID); err != nil {
			t.Errorf("the change does not see its own row: %v", err)
		}
		view(t, st, func(r store.Reader) error {
			_, err := r.Token(k.ID)
			want(t, "the row before the commit", err, reference.ErrNotFound)
			return nil
		})
		return nil
	})
	view(t, st, func(r store.Reader) error {
		_, err := r.Token(k.ID)
		return err
	})
}

func testSnapshot(t *testing.T, st store.EPS) {
	k := newToken("snapshot", 1)
	view(t, st, func(r store.Reader) error {
		_, err := r.Token(k.ID)
		want(t, "before", err, reference.ErrNotFound)
		update(t, st, func(tx store.Tx) error { return tx.InsertToken(k) })
		_, err = r.Token(k.ID)
		want(t, "in the same view, after a commit", err, reference.ErrNotFound)
		return nil
	})
}

func testPanic(t *testing.T, st store.EPS) {
	k := newToken("panic", 1)
	func() {
		defer func() {
			if r := recover(); r != "boom" {
				t.Errorf("recovered %v", r)
			}
		}()
		_ = st.Update(context.Background(), func(tx store.Tx) error {
			if err := tx.InsertToken(k); err != nil {
				return err
			}
			panic("boom")
		})
	}()
	view(t, st, func(r store.Reader) error {
		_, err := r.Token(k.ID)
		want(t, "the row of a change that panicked", err, reference.ErrNotFound)
		return nil
	})
}

func testGoexit(t *testing.T, st store.EPS) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = st.Update(context.Background(), func(store.Tx) error {
			runtime.Goexit() // as t.FailNow does
			return nil
		})
	}()
	<-done
	update(t, st, func(store.Tx) error { return nil })
}

// testCancelled: a change whose caller has gone before its turn is not made; one whose
// caller goes during it is, and its caller learns so.
func testCancelled(t *testing.T, st store.EPS) {
	gone, leave := context.WithCancel(context.Background())
	held := holdWriter(t, st)
	result := make(chan error)
	go func() {
		result <- st.Update(gone, func(store.Tx) error {
			t.Error("a change was made that its caller had given up")
			return nil
		})
	}()
	leave()
	want(t, "given up in the queue", <-result, context.Canceled)
	held()

	k := newToken("cancelled", 1)
	during, leave := context.WithCancel(context.Background())
	defer leave()
	want(t, "given up during its turn", st.Update(during, func(tx store.Tx) error {
		leave()
		return tx.InsertToken(k)
	}), nil)
	view(t, st, func(r store.Reader) error {
		_, err := r.Token(k.ID)
		return err
	})
	want(t, "a view given up before", st.View(gone, func(store.Reader) error { return nil }), context.Canceled)
}

func testKept(t *testing.T, st store.EPS) {
	var kept store.Tx
	update(t, st, func(tx store.Tx) error {
		kept = tx
		return nil
	})
	if err := kept.InsertToken(newToken("kept", 1)); err == nil {
		t.Error("a transaction works after its end")
	}
	if _, err := kept.Keys(); err == nil {
		t.Error("a transaction reads after its end")
	}
}

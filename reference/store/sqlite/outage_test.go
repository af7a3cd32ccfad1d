package sqlite_test

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// putKey is a change.
func putKey(tx store.Tx) error { return tx.PutKey(store.WrappedKey{Name: "DBK", Version: 1}) }

// keys counts what was kept.
func keys(t *testing.T, st store.EPS) (n int) {
	t.Helper()
	if err := st.View(t.Context(), func(tx store.Reader) error {
		all, err := tx.Keys()
		n = len(all)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// Whoever gives up while another process holds the database is told at once, and his change
// is not made when the lock is free: nobody would know of it.
func TestAChangeGivenUpBehindALockIsNotMade(t *testing.T) {
	path := engine.New(t)
	st, err := sqlite.OpenEPS(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	other, err := dbsql.Open("sqlite", sqlite.DSN(path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := st.Update(ctx, putKey); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("behind the lock: %v", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("whoever gave up was told after %v", took)
	}
	if err := st.Writable(ctx); err == nil {
		t.Error("a locked database can be written")
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := st.Writable(t.Context()); err != nil {
		t.Errorf("when the lock is free: %v", err)
	}
	if n := keys(t, st); n != 0 {
		t.Errorf("%d keys: the change that was given up has been made", n)
	}
	if err := st.Update(t.Context(), putKey); err != nil {
		t.Error(err)
	}
}

// What SQLite does not let in is refused at the first try, as unavailable, and nothing of
// it is kept.
func TestADatabaseThatDoesNotWriteRefusesAtOnce(t *testing.T) {
	for name, pragma := range map[string]string{"read-only": "PRAGMA query_only = 1", "full": "PRAGMA max_page_count = 1"} {
		t.Run(name, func(t *testing.T) {
			c, err := sqlite.Config(t.Context(), engine.New(t), "eps")
			if err != nil {
				t.Fatal(err)
			}
			c.Write.SetMaxOpenConns(1)
			turns := 0
			st, err := sql.OpenEPS(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = st.Close() }()
			if _, err := c.Write.Exec(pragma); err != nil {
				t.Fatal(err)
			}
			big := store.WrappedKey{Name: "DBK", Version: 1, Blob: make([]byte, 1<<16)}
			err = st.Update(t.Context(), func(tx store.Tx) error { turns++; return tx.PutKey(big) })
			if !errors.Is(err, reference.ErrUnavailable) || turns > 1 || strings.Contains(fmt.Sprint(err), "tries") {
				t.Errorf("%v after %d turns", err, turns)
			}
			if n := keys(t, st); n != 0 {
				t.Errorf("%d keys were kept", n)
			}
		})
	}
}

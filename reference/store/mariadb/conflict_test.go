package mariadb_test

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/mariadb"
)

// filled opens a store with tokens 0 to 9, and a raw connection of another process.
func filled(t *testing.T) (store.EPS, *dbsql.Conn) {
	t.Helper()
	ctx := context.Background()
	dsn := newDatabase(t)
	st, err := mariadb.OpenEPS(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	err = st.Update(ctx, func(tx store.Tx) error {
		for i := range 10 {
			if err := tx.InsertToken(reference.Token{ID: id(i), Service: "s", User: reference.User(id(i)), State: reference.Issued, RowVersion: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := dbsql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	other, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return st, other
}

func id(i int) reference.TokenID { return reference.TokenID(fmt.Sprintf("TOKEN%d", i)) }

func move(tx store.Tx, i int) error {
	return tx.MoveToken(id(i), reference.Issued, reference.Provisioned, 1, 2, time.Now())
}

// TestDeadlock: in a real deadlock the server rolls the change back. It is not
// replayed: it judges again, by what the other transaction has committed.
func TestDeadlock(t *testing.T) {
	ctx := context.Background()
	st, other := filled(t)
	// The other transaction has changed more rows, so that the server spares it.
	exec(t, other, "START TRANSACTION", "UPDATE tokens SET counter = 7, updated = 7 WHERE id >= 'TOKEN1'")
	othersTurn := make(chan error, 1)
	var seen []reference.State
	err := st.Update(ctx, func(tx store.Tx) error {
		k, err := tx.Token(id(0))
		if err != nil {
			return err
		}
		seen = append(seen, k.State)
		if err := move(tx, 0); err != nil {
			return err // the second time: the other one has revoked the token
		}
		go func() { // waits for the row that this change has
			_, err1 := other.ExecContext(ctx, "UPDATE tokens SET state = 'revoked', row_version = 2 WHERE id = 'TOKEN0'")
			_, err2 := other.ExecContext(ctx, "COMMIT")
			othersTurn <- errors.Join(err1, err2)
		}()
		_ = move(tx, 1) // waits for the other's row: a deadlock, which a function may not hide
		<-othersTurn
		return nil
	})
	if !errors.Is(err, reference.ErrConflict) {
		t.Errorf("the change after a deadlock gives %v", err)
	}
	if len(seen) != 2 || seen[0] != reference.Issued || seen[1] != reference.Revoked {
		t.Errorf("the change was judged by %v", seen)
	}
}

// TestLockWait: a row that stays locked longer than the server lets wait is tried again.
func TestLockWait(t *testing.T) {
	st, other := filled(t)
	exec(t, other, "START TRANSACTION", "UPDATE tokens SET counter = 7 WHERE id = 'TOKEN0'")
	judged := 0
	err := st.Update(context.Background(), func(tx store.Tx) error {
		if judged++; judged == 2 {
			exec(t, other, "COMMIT")
		}
		return move(tx, 0)
	})
	if err != nil || judged != 2 {
		t.Errorf("judged %d times: %v", judged, err)
	}
}

// TestConflictTakesAllAlong: changes that share a commit with a deadlock are judged again
// too, each still once in the end.
func TestConflictTakesAllAlong(t *testing.T) {
	ctx := context.Background()
	st, other := filled(t)
	exec(t, other, "START TRANSACTION", "UPDATE tokens SET counter = 7 WHERE id = 'TOKEN9'")
	running, hold := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- st.Update(ctx, func(store.Tx) error {
			close(running)
			<-hold
			return nil
		})
	}()
	<-running
	for i := range 8 {
		go func() { done <- st.Update(ctx, func(tx store.Tx) error { return move(tx, i) }) }()
	}
	judged := 0
	go func() {
		done <- st.Update(ctx, func(tx store.Tx) error {
			if judged++; judged == 2 {
				exec(t, other, "ROLLBACK")
			}
			return move(tx, 9)
		})
	}()
	close(hold)
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	err := st.View(ctx, func(tx store.Reader) error {
		for _, i := range []int{0, 1, 2, 3, 4, 5, 6, 7, 9} {
			if k, err := tx.Token(id(i)); err != nil || k.State != reference.Provisioned || k.RowVersion != 2 {
				t.Errorf("token %d is %s, version %d: %v", i, k.State, k.RowVersion, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLostConnections: connections that the server has cut are replaced; nothing is
// reported as done that is not.
func TestLostConnections(t *testing.T) {
	ctx := context.Background()
	st, _ := filled(t)
	root := admin(t)
	killAll := func() {
		rows, err := root.Query("SELECT id FROM information_schema.processlist WHERE user = 'epsbench'")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		var ids []int
		for rows.Next() {
			var id int
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			_, _ = root.Exec(fmt.Sprintf("KILL CONNECTION %d", id))
		}
	}
	killAll() // while idle
	if err := st.Update(ctx, func(tx store.Tx) error { return move(tx, 0) }); err != nil {
		t.Errorf("a change after the connections were cut: %v", err)
	}
	killAll()
	judged := 0
	err := st.Update(ctx, func(tx store.Tx) error {
		if judged++; judged == 1 {
			killAll() // in the middle of it
		}
		return move(tx, 1)
	})
	if err != nil || judged != 2 {
		t.Errorf("a change that was cut in its middle was judged %d times: %v", judged, err)
	}
	killAll()
	if err := st.View(ctx, func(tx store.Reader) error { _, err := tx.Token(id(1)); return err }); err != nil {
		t.Errorf("a view after the connections were cut: %v", err)
	}
}

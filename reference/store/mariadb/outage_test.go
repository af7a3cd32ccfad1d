package mariadb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/docker"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/mariadb"
)

// hasty bounds what a store waits for in these tests.
const hasty = "?timeout=300ms&readTimeout=300ms&writeTimeout=300ms"

// outageBound is how long a change may take to be refused: a call that is under way, a new
// connection, and the tries again.
const outageBound = 2 * time.Second

// TestOutages: in each outage a change is refused within a bound, whole; the store says
// that it cannot write; afterwards the same store works, with all that it acknowledged.
func TestOutages(t *testing.T) {
	ctx := context.Background()
	server, err := docker.FragileMariaDB(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	st, err := mariadb.OpenEPS(ctx, server.DSN+hasty)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	l := &ledger{st: st}
	l.mustHold(t, "before")
	for _, fault := range server.Faults() {
		mend, err := server.Break(ctx, fault)
		if err != nil {
			t.Fatal(err)
		}
		l.refused(t, fault)
		if err := st.Writable(ctx); !errors.Is(err, reference.ErrUnavailable) {
			t.Errorf("%s: the store says that it can write: %v", fault, err)
		}
		_, err = count(st)
		if readable := slices.Contains([]docker.Fault{docker.ReadOnly, docker.Full}, fault); readable != (err == nil) {
			t.Errorf("%s: a view meets %v", fault, err)
		}
		if err := mend(ctx); err != nil {
			t.Fatal(err)
		}
		l.mustHold(t, string(fault)+", and over")
		if err := writableSoon(ctx, st); err != nil {
			t.Errorf("%s, and over: %v", fault, err)
		}
	}
}

// writableSoon asks for as long as a lack of room is believed in.
func writableSoon(ctx context.Context, st store.EPS) (err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * outageBound); time.Now().Before(end); <-tick.C {
		if err = st.Writable(ctx); err == nil {
			return nil
		}
	}
	return err
}

// ledger is what a store has acknowledged, and what it left open.
type ledger struct {
	st           store.EPS
	n            int // the number of the next token
	acknowledged []int
	open         []int // the answer was that nobody knows
}

// add makes one change of two rows.
func (l *ledger) add() error {
	n := l.n
	l.n++
	err := l.st.Update(context.Background(), func(tx store.Tx) error {
		k := reference.Token{ID: id(n), Service: "s", User: reference.User(id(n)), State: reference.Issued, RowVersion: 1}
		if err := tx.InsertToken(k); err != nil {
			return err
		}
		return tx.PutKey(store.WrappedKey{Name: string(id(n)), Version: 1, Blob: make([]byte, 4000)})
	})
	switch {
	case err == nil:
		l.acknowledged = append(l.acknowledged, n)
	case strings.Contains(err.Error(), "the outcome of a commit is unknown"):
		l.open = append(l.open, n)
	}
	return err
}

// refused makes changes until one is refused: without room the first may still fit.
func (l *ledger) refused(t *testing.T, fault docker.Fault) {
	t.Helper()
	for range 60 {
		began := time.Now()
		err := l.add()
		if took := time.Since(began); took > outageBound {
			t.Errorf("%s: a change took %s", fault, took)
		}
		if err != nil {
			if !errors.Is(err, reference.ErrUnavailable) || strings.Contains(err.Error(), "bad connection") {
				t.Errorf("%s: a change is refused with %v", fault, err)
			}
			return
		}
		if fault != docker.Full {
			break
		}
	}
	t.Errorf("%s: changes are still taken", fault)
}

// mustHold makes a change and looks for all of them.
func (l *ledger) mustHold(t *testing.T, when string) {
	t.Helper()
	if err := l.add(); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	keys, err := count(l.st)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	err = l.st.View(context.Background(), func(tx store.Reader) error {
		tokens := 0
		for n := range l.n {
			_, err := tx.Token(id(n))
			if errors.Is(err, reference.ErrNotFound) {
				err = nil
				if slices.Contains(l.acknowledged, n) {
					t.Errorf("%s: token %d was acknowledged and is lost", when, n)
				}
			} else if tokens++; !slices.Contains(l.acknowledged, n) && !slices.Contains(l.open, n) {
				t.Errorf("%s: token %d was refused and is there", when, n)
			}
			if err != nil {
				return err
			}
		}
		if tokens != keys {
			t.Errorf("%s: %d tokens and %d keys: something is half done", when, tokens, keys)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
}

func count(st store.EPS) (n int, err error) {
	err = st.View(context.Background(), func(tx store.Reader) error {
		keys, err := tx.Keys()
		n = len(keys)
		return err
	})
	return n, err
}

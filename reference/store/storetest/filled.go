package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
)

const filled = 2000

// fill inserts 2,000 tokens, each with a code, a ticket, an outbox entry and an audit record.
func fill(t *testing.T, st store.EPS) {
	t.Helper()
	for from := 0; from < filled; from += 250 {
		update(t, st, func(tx store.Tx) error {
			for i := from; i < from+250; i++ {
				if err := fillOne(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func fillOne(tx store.Tx, i int) error {
	k := newToken("filled", i)
	c := newCode(k.ID, fmt.Sprintf("FI%06d", i))
	if i%2 == 0 {
		c.State = reference.CodeUsed
	}
	return errors.Join(tx.InsertToken(k), tx.InsertCode(c),
		tx.InsertTicket(reference.Ticket{Token: k.ID, State: reference.TicketLive, MAC: []byte{1}, Expires: now, Created: now}),
		tx.PutOutbox(store.OutboxEntry{Key: string(k.ID), Op: "cancel", Token: k.ID, Created: now}),
		tx.Audit(store.AuditRecord{At: now, Event: "enrolled", Token: k.ID, RowVersion: 1}))
}

func testFilled(t *testing.T, e Engine) {
	location := e.New(t)
	st := e.open(t, location)
	fill(t, st)
	raw := e.raw(t, location, "eps")
	if _, err := raw.Write.Exec(e.Analyze); err != nil {
		t.Fatal(err)
	}
	wantIndexed(t, e, raw, sql.EPSLookups(newToken("filled", 1001), newCode(tokenID("filled", 1001), "FI001001"), node))
	view(t, st, func(tx store.Reader) error {
		k, err := tx.TokenOf("bank.example", "filled 1001")
		if k.ID != tokenID("filled", 1001) {
			t.Errorf("found %q", k.ID)
		}
		n, err2 := tx.LiveCodes()
		if n != filled/2 {
			t.Errorf("%d live codes", n)
		}
		return errors.Join(err, err2)
	})
}

func wantIndexed(t *testing.T, e Engine, raw sql.Config, lookups []sql.Lookup) {
	t.Helper()
	for _, l := range lookups {
		if plan, indexed := e.Plan(t, raw, l.SQL, l.Args); !indexed {
			t.Errorf("%s does not use an index: %s\n%s", l.Method, l.SQL, plan)
		}
	}
}

// testReopen: what was acknowledged is there after closing and opening again; a closed
// store refuses.
func testReopen(t *testing.T, e Engine) {
	location := e.New(t)
	k := newToken("reopen", 1)
	first, err := e.OpenEPS(context.Background(), location)
	if err != nil {
		t.Fatal(err)
	}
	update(t, first, func(tx store.Tx) error { return tx.InsertToken(k) })
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	want(t, "closing twice", first.Close(), nil)
	want(t, "a change of a closed store", first.Update(context.Background(), func(store.Tx) error { return nil }), reference.ErrUnavailable)
	want(t, "a view of a closed store", first.View(context.Background(), func(store.Reader) error { return nil }), reference.ErrUnavailable)

	second := e.open(t, location)
	view(t, second, func(tx store.Reader) error {
		got, err := tx.Token(k.ID)
		if !reflect.DeepEqual(got, k) {
			t.Errorf("read %+v", got)
		}
		return err
	})
	info, err := second.Info(context.Background())
	if err != nil || info.Engine == "" || info.Version == "" || info.DSN == "" {
		t.Errorf("Info: %+v, %v", info, err)
	}
}

// testMigrations: from every older version, with rows in it, to the newest; twice; and
// not from a version that this program does not know.
func testMigrations(t *testing.T, e Engine) {
	files, err := fs.Glob(e.raw(t, e.New(t), "eps").Migrations, "*.sql")
	if err != nil || len(files) < 2 {
		t.Fatalf("migrations: %v, %v", files, err)
	}
	for version := int64(1); version <= int64(len(files)); version++ {
		t.Run(fmt.Sprintf("from version %d", version), func(t *testing.T) { testFromVersion(t, e, version) })
	}
	t.Run("from a newer program", func(t *testing.T) {
		location := e.New(t)
		e.open(t, location)
		if _, err := e.raw(t, location, "eps").Write.Exec("INSERT INTO migrations_eps (version_id, is_applied) VALUES (999, 1)"); err != nil {
			t.Fatal(err)
		}
		_, err := e.OpenEPS(context.Background(), location)
		want(t, "a newer database", err, sql.ErrNewer)
	})
}

func testFromVersion(t *testing.T, e Engine, version int64) {
	location := e.New(t)
	raw := e.raw(t, location, "eps")
	for range 2 {
		if got, err := sql.Migrate(context.Background(), raw, version); err != nil || got != version {
			t.Fatalf("migrated to %d: %v", got, err)
		}
	}
	_, err := raw.Write.Exec("INSERT INTO wrapped_keys (name, version, master, wrapped, created) VALUES ('DBK', 1, 'MK-DBK', x'00', 7)")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		st := e.open(t, location)
		view(t, st, func(tx store.Reader) error {
			keys, err := tx.Keys()
			if len(keys) != 1 || keys[0].Created.UnixMicro() != 7 {
				t.Errorf("the row of version %d is now %+v", version, keys)
			}
			return err
		})
	}
}

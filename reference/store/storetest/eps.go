package storetest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// TestEPS runs the whole suite of an EPS's store.
func TestEPS(t *testing.T, e Engine) {
	st := e.open(t, e.New(t))
	for _, c := range []struct {
		name string
		test func(*testing.T, store.EPS)
	}{
		{"what is not there", testNotFound},
		{"any token comes back as it was", testTokenRoundTrip},
		{"one live token a user", testOneLiveToken},
		{"a token moves only from what was read", testMoveToken},
		{"a code is used once", testUseCode},
		{"failures kill a code", testCountFailure},
		{"a code without a locator is found by its index", testCodesWithoutLocator},
		{"codes of a token", testCodesOfToken},
		{"the life of a ticket", testTicket},
		{"keys", testKeys},
		{"keystores", testKeystores},
		{"outbox", testOutbox},
		{"too long is refused, not cut", testTooLong},
		{"a change sees itself, others do not", testVisibility},
		{"a view is one moment", testSnapshot},
		{"200 uses of one code", testRaceUseCode},
		{"200 failures of one code", testRaceCountFailure},
		{"200 moves of one token", testRaceMoveToken},
		{"200 tries of one ticket", testRaceTicket},
		{"many changes in a commit are each all or nothing", testAtomic},
		{"a panic stays with its caller", testPanic},
		{"a caller that leaves its goroutine", testGoexit},
		{"a cancelled change", testCancelled},
		{"a transaction kept too long", testKept},
		{"audit numbers have no gaps", testAuditNumbers},
		{"audit queries", testAuditQueries},
		{"the version of a row", testRowVersion},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, st) })
	}
	t.Run("whether it can write", func(t *testing.T) { writable(t, e) })
	t.Run("a chain that fails", func(t *testing.T) { testSealerFails(t, e) })
	t.Run("two processes with one chain", func(t *testing.T) { testTwoProcesses(t, e) })
	t.Run("closing and opening again", func(t *testing.T) { testReopen(t, e) })
	t.Run("2,000 tokens are found by index", func(t *testing.T) { testFilled(t, e) })
	t.Run("migrations", func(t *testing.T) { testMigrations(t, e) })
}

func testNotFound(t *testing.T, st store.EPS) {
	view(t, st, func(tx store.Reader) error {
		_, err := tx.Token("none")
		want(t, "Token", err, reference.ErrNotFound)
		_, err = tx.TokenOf("none", "none")
		want(t, "TokenOf", err, reference.ErrNotFound)
		_, err = tx.CodeByLocator("none")
		want(t, "CodeByLocator", err, reference.ErrNotFound)
		_, err = tx.CodeOf("none")
		want(t, "CodeOf", err, reference.ErrNotFound)
		_, err = tx.Ticket("none")
		want(t, "Ticket", err, reference.ErrNotFound)
		_, err = tx.RowVersion("none")
		want(t, "RowVersion", err, reference.ErrNotFound)
		_, err = tx.AuditHead("none")
		want(t, "AuditHead", err, reference.ErrNotFound)
		nodes, err := tx.AuditNodes()
		if len(nodes) > 0 {
			t.Errorf("nodes %v without a record", nodes)
		}
		want(t, "AuditNodes", err, nil)
		return nil
	})
	want(t, "MoveToken", st.Update(context.Background(), func(tx store.Tx) error {
		return tx.MoveToken("none", reference.Issued, reference.Revoked, 1, 2, now)
	}), reference.ErrConflict)
	want(t, "UseCode", st.Update(context.Background(), func(tx store.Tx) error {
		return tx.UseCode("none", now)
	}), reference.ErrConflict)
}

// users are strings that have broken databases.
var users = rapid.OneOf(
	rapid.SampledFrom([]string{
		`'; DROP TABLE tokens; --`, `"quoted"`, `back\slash\`, "%_", "Zoë", "ZOE", "zoe", "zoe\u0308", "Ωmega ☕ 🏦",
		"名前", strings.Repeat("u", 128), strings.Repeat("é", 64), "line\nbreak", "a ", " a", "\u200b",
	}),
	rapid.StringN(1, 128, 128),
)

func testTokenRoundTrip(t *testing.T, st store.EPS) {
	ctx, n := context.Background(), 0
	number := rapid.Uint64Max(1<<63 - 1)
	blob := rapid.SliceOfN(rapid.Byte(), 1, 512)
	micro := rapid.Int64Range(-62135596800000000, 253402300799999999) // the years 1 to 9999
	rapid.Check(t, func(r *rapid.T) {
		n++
		k := newToken("roundtrip", n)
		k.User = reference.User(users.Draw(r, "user"))
		k.Service = reference.Service(rapid.StringMatching(`[a-z0-9.-]{56}`).Draw(r, "service")) + reference.Service(k.ID[18:])
		k.Salt, k.Sealed = blob.Draw(r, "salt"), blob.Draw(r, "sealed")
		k.Counter, k.RowVersion = number.Draw(r, "counter"), number.Draw(r, "version")
		k.Created = time.UnixMicro(micro.Draw(r, "created")).UTC()
		k.Updated = time.UnixMicro(micro.Draw(r, "updated")).UTC()
		if err := st.Update(ctx, func(tx store.Tx) error { return tx.InsertToken(k) }); err != nil {
			r.Fatal(err)
		}
		err := st.View(ctx, func(tx store.Reader) error {
			byID, err := tx.Token(k.ID)
			if err != nil {
				return err
			}
			byUser, err := tx.TokenOf(k.Service, k.User)
			if err != nil {
				return err
			}
			if !reflect.DeepEqual(byID, k) || !reflect.DeepEqual(byUser, k) {
				r.Fatalf("wrote %+v\nread  %+v\nand   %+v", k, byID, byUser)
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}

// testOneLiveToken: users differ by every byte, and have one token that is not
// cancelled or revoked, and as many of the others as they like.
func testOneLiveToken(t *testing.T, st store.EPS) {
	ctx := context.Background()
	n := 0
	insert := func(user reference.User) (reference.Token, error) {
		n++
		k := newToken("onelive", n)
		k.User = user
		return k, st.Update(ctx, func(tx store.Tx) error { return tx.InsertToken(k) })
	}
	first, err := insert("Zoë")
	want(t, "the first token", err, nil)
	for _, other := range []reference.User{"zoë", "Zoe", "Zoë ", "Zoe\u0308"} {
		_, err := insert(other)
		want(t, "the token of another user", err, nil)
	}
	_, err = insert("Zoë")
	want(t, "a second live token", err, reference.ErrExists)
	want(t, "the same id", st.Update(ctx, func(tx store.Tx) error { return tx.InsertToken(first) }), reference.ErrExists)

	update(t, st, func(tx store.Tx) error {
		return tx.MoveToken(first.ID, reference.Issued, reference.Revoked, 1, 2, now)
	})
	second, err := insert("Zoë")
	want(t, "a token after the first was revoked", err, nil)
	update(t, st, func(tx store.Tx) error {
		got, err := tx.TokenOf("bank.example", "Zoë")
		if got.ID != second.ID {
			t.Errorf("TokenOf gives %q, want the live one", got.ID)
		}
		return err
	})
	want(t, "a dead token back to life beside a live one", st.Update(ctx, func(tx store.Tx) error {
		return tx.MoveToken(first.ID, reference.Revoked, reference.Issued, 2, 3, now)
	}), reference.ErrConflict)
}

func testMoveToken(t *testing.T, st store.EPS) {
	k := newToken("move", 1)
	update(t, st, func(tx store.Tx) error { return tx.InsertToken(k) })
	later := now.Add(time.Microsecond)
	for _, c := range []struct {
		what     string
		from, to reference.State
		version  uint64
		want     error
	}{
		{"another state", reference.Pending, reference.Cancelled, 1, reference.ErrConflict},
		{"another version", reference.Issued, reference.Provisioned, 2, reference.ErrConflict},
		{"as it was read", reference.Issued, reference.Provisioned, 1, nil},
		{"once more", reference.Issued, reference.Provisioned, 1, reference.ErrConflict},
		{"on, within the same microsecond", reference.Provisioned, reference.Suspended, 2, nil},
	} {
		want(t, c.what, st.Update(context.Background(), func(tx store.Tx) error {
			return tx.MoveToken(k.ID, c.from, c.to, c.version, c.version+1, later)
		}), c.want)
	}
	view(t, st, func(tx store.Reader) error {
		got, err := tx.Token(k.ID)
		k.State, k.RowVersion, k.Updated = reference.Suspended, 3, later
		if !reflect.DeepEqual(got, k) {
			t.Errorf("after the moves %+v, want %+v", got, k)
		}
		return err
	})
}

func testKeys(t *testing.T, st store.EPS) {
	keys := []store.WrappedKey{
		{Name: "DBK", Version: 1, Master: "MK-DBK", Blob: []byte{0, 1, 0, 255}, Created: now},
		{Name: "DBK", Version: 2, Master: "MK-DBK", Blob: make([]byte, 2048), Created: now},
		{Name: "TRK/as-1", Version: 1, Master: "MK-TRK", Blob: []byte{7}, Created: now},
	}
	update(t, st, func(tx store.Tx) error {
		for _, i := range []int{2, 1, 0} {
			if err := tx.PutKey(keys[i]); err != nil {
				return err
			}
		}
		return nil
	})
	want(t, "the same name and version", st.Update(context.Background(), func(tx store.Tx) error {
		return tx.PutKey(keys[0])
	}), reference.ErrExists)
	view(t, st, func(tx store.Reader) error {
		got, err := tx.Keys()
		if !reflect.DeepEqual(got, keys) {
			t.Errorf("Keys gives %+v", got)
		}
		return err
	})
}

func testKeystores(t *testing.T, st store.EPS) {
	all := []store.Keystore{
		{Name: "MPP/1", Version: 1, PKCS12: make([]byte, 8192), Password: []byte{0, 1, 0, 255}, DBKVersion: 1, Created: now},
		{Name: "MPP/1", Version: 2, PKCS12: []byte{0x30}, Password: []byte{7}, DBKVersion: 2, Created: now},
	}
	update(t, st, func(tx store.Tx) error {
		return errors.Join(tx.PutKeystore(all[1]), tx.PutKeystore(all[0]))
	})
	want(t, "the same name and version", st.Update(context.Background(), func(tx store.Tx) error {
		return tx.PutKeystore(all[0])
	}), reference.ErrExists)
	view(t, st, func(tx store.Reader) error {
		got, err := tx.Keystores()
		if !reflect.DeepEqual(got, all) {
			t.Errorf("Keystores gives %+v", got)
		}
		return err
	})
}

func testOutbox(t *testing.T, st store.EPS) {
	entries := []store.OutboxEntry{
		{Key: "k2", Op: "cancel", Token: "T1", AuthServer: "as-1", Created: now},
		{Key: "k3", Op: "revoke", Token: "T2", AuthServer: "as-2", Created: now},
		{Key: "k1", Op: "suspend", Token: "T3", AuthServer: "as-1", Created: now.Add(1000)},
	}
	update(t, st, func(tx store.Tx) error {
		for _, i := range []int{2, 1, 0} {
			if err := tx.PutOutbox(entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	read := func(limit int) (got []store.OutboxEntry) {
		view(t, st, func(tx store.Reader) (err error) {
			got, err = tx.Outbox(limit)
			return err
		})
		return got
	}
	if got := read(0); !reflect.DeepEqual(got, entries) {
		t.Errorf("Outbox gives %+v, want the oldest first", got)
	}
	if got := read(2); !reflect.DeepEqual(got, entries[:2]) {
		t.Errorf("Outbox(2) gives %+v", got)
	}
	entries[0].Attempts = 3
	update(t, st, func(tx store.Tx) error {
		if err := tx.DeleteOutbox("k3"); err != nil {
			return err
		}
		if err := tx.DeleteOutbox("never there"); err != nil {
			return err
		}
		return tx.PutOutbox(entries[0])
	})
	if got := read(0); !reflect.DeepEqual(got, []store.OutboxEntry{entries[0], entries[2]}) {
		t.Errorf("after an attempt and a success the outbox holds %+v", got)
	}
}

func testTooLong(t *testing.T, st store.EPS) {
	long := newToken("toolong", 1)
	long.User = reference.User(strings.Repeat("é", 129))
	kept := newToken("toolong", 2)
	update(t, st, func(tx store.Tx) error {
		if err := tx.InsertToken(long); err == nil {
			t.Error("a user of 129 characters was taken")
		}
		return tx.InsertToken(kept) // the transaction goes on
	})
	view(t, st, func(tx store.Reader) error {
		_, err := tx.Token(kept.ID)
		return err
	})
}

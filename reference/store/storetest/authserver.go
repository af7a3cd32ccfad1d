package storetest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
)

// TestAuthServer runs the whole suite of an authentication server's store.
func TestAuthServer(t *testing.T, e Engine) {
	location := e.New(t)
	st := e.openAuthServer(t, location)
	for _, c := range []struct {
		name string
		test func(*testing.T, store.AuthServer)
	}{
		{"what is not there", testAuthNotFound},
		{"any credential comes back as it was", testCredentialRoundTrip},
		{"one live credential a user", testOneLiveCredential},
		{"a credential changes only from what was read", testUpdateCredential},
		{"200 changes of one credential", testRaceUpdateCredential},
		{"messages are remembered once", testMessages},
		{"keys", testAuthKeys},
		{"any challenge comes back as it was", testChallengeRoundTrip},
		{"a token is asked a thing once", testAskedOnce},
		{"200 uses of one challenge", testRaceUseChallenge},
		{"a use and a credential's change are one", testUseAndUpdate},
		{"challenges are forgotten in their time", testForgetChallenges},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, st) })
	}
	t.Run("2,000 credentials are found by index", func(t *testing.T) { testAuthFilled(t, e) })
	t.Run("refusals of two nodes are counted at once", func(t *testing.T) { testRefusals(t, e, location, st) })
	t.Run("from version 1", func(t *testing.T) { testAuthFromFirst(t, e) })
	t.Run("beside an EPS", func(t *testing.T) {
		_, err := e.OpenEPS(context.Background(), location)
		want(t, "an EPS in the database of an authentication server", err, sql.ErrShared)
	})
}

// testAuthFromFirst: what the first version of the schema holds is read by the newest.
func testAuthFromFirst(t *testing.T, e Engine) {
	location := e.New(t)
	raw := e.raw(t, location, "authserver")
	if _, err := sql.Migrate(context.Background(), raw, 1); err != nil {
		t.Fatal(err)
	}
	_, err := raw.Write.Exec("INSERT INTO credentials (token, service, user_name, state, suite, wrapped, tok_length, pin_digits, " +
		"counter, failures, failed_ever, candidates, imported, version, mac, created, updated) " +
		"VALUES ('first', 'bank', 'ada', 'active', 'HOTP-SHA256-6', x'00', 32, 6, 5, 1, 2, 33, 0, 8, x'01', 7, 9)")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		authView(t, e.openAuthServer(t, location), func(tx store.AuthReader) error {
			c, err := tx.Credential("first")
			if c.Format != 1 || !c.Activated || c.Offset != 0 || c.Counter != 5 || c.Version != 8 {
				t.Errorf("the row of version 1 is now %+v", c)
			}
			return err
		})
	}
}

func authUpdate(t testing.TB, st store.AuthServer, fn func(store.AuthTx) error) {
	t.Helper()
	if err := st.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func authView(t testing.TB, st store.AuthServer, fn func(store.AuthReader) error) {
	t.Helper()
	if err := st.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func newCredential(name string, n int) store.Credential {
	return store.Credential{
		Token: tokenID(name, n), Service: "bank.example", User: reference.User(fmt.Sprintf("%s %d", name, n)),
		State: "active", Suite: "HOTP-SHA256-6", Blob: bytes.Repeat([]byte{0, 0xfe}, 20), TOKLength: 32, PINDigits: 6,
		Counter: 1, Failures: 2, FailedEver: 3, Candidates: 40, Imported: true, Offset: -1, Activated: true, Version: 1, Format: 2,
		MAC: bytes.Repeat([]byte{0, 1}, 16), PINHash: bytes.Repeat([]byte{0, 3}, 24), Created: now, Updated: now,
	}
}

func testAuthNotFound(t *testing.T, st store.AuthServer) {
	authView(t, st, func(tx store.AuthReader) error {
		_, err := tx.Credential("none")
		want(t, "Credential", err, reference.ErrNotFound)
		_, err = tx.CredentialOf("none", "none")
		want(t, "CredentialOf", err, reference.ErrNotFound)
		_, err = tx.Message("none")
		want(t, "Message", err, reference.ErrNotFound)
		_, err = tx.Challenge("none")
		want(t, "Challenge", err, reference.ErrNotFound)
		return nil
	})
}

func testCredentialRoundTrip(t *testing.T, st store.AuthServer) {
	n := 0
	small := rapid.IntRange(0, 1<<31)
	number := rapid.Uint64Max(1<<63 - 1)
	rapid.Check(t, func(r *rapid.T) {
		n++
		c := newCredential("roundtrip", n)
		c.User = reference.User(users.Draw(r, "user"))
		c.Service = reference.Service(c.Token[18:]) + "." + reference.Service(rapid.StringMatching(`[a-z0-9.-]{0,55}`).Draw(r, "service"))
		if c.Blob = rapid.SliceOfN(rapid.Byte(), 0, 512).Draw(r, "blob"); len(c.Blob) == 0 {
			c.Blob = nil
		}
		if c.PINHash = rapid.SliceOfN(rapid.Byte(), 0, 92).Draw(r, "pin hash"); len(c.PINHash) == 0 {
			c.PINHash = nil
		}
		c.Counter, c.Version = number.Draw(r, "counter"), number.Draw(r, "version")
		c.Failures, c.FailedEver, c.Candidates = small.Draw(r, "failures"), small.Draw(r, "ever"), small.Draw(r, "candidates")
		c.Imported, c.Activated = rapid.Bool().Draw(r, "imported"), rapid.Bool().Draw(r, "activated")
		c.Offset, c.Format = rapid.IntRange(-100, 100).Draw(r, "offset"), rapid.IntRange(1, 9).Draw(r, "format")
		if err := st.Update(context.Background(), func(tx store.AuthTx) error { return tx.InsertCredential(c) }); err != nil {
			r.Fatal(err)
		}
		err := st.View(context.Background(), func(tx store.AuthReader) error {
			byToken, err := tx.Credential(c.Token)
			if err != nil {
				return err
			}
			byUser, err := tx.CredentialOf(c.Service, c.User)
			if !reflect.DeepEqual(byToken, c) || !reflect.DeepEqual(byUser, c) {
				r.Fatalf("wrote %+v\nread  %+v\nand   %+v", c, byToken, byUser)
			}
			return err
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}

// testOneLiveCredential: tombstones of tokens that were cancelled before they came do
// not stand in the way of a live one.
func testOneLiveCredential(t *testing.T, st store.AuthServer) {
	c := newCredential("onelive", 1)
	dead := []store.Credential{newCredential("onelive", 2), newCredential("onelive", 3)}
	authUpdate(t, st, func(tx store.AuthTx) error {
		for i, state := range []string{"cancelled", "revoked"} {
			dead[i].State, dead[i].User, dead[i].Blob = state, c.User, nil
			if err := tx.InsertCredential(dead[i]); err != nil {
				return err
			}
		}
		return tx.InsertCredential(c)
	})
	second := newCredential("onelive", 4)
	second.User = c.User
	want(t, "a second live credential", st.Update(context.Background(), func(tx store.AuthTx) error {
		return tx.InsertCredential(second)
	}), reference.ErrExists)
	authView(t, st, func(tx store.AuthReader) error {
		got, err := tx.CredentialOf(c.Service, c.User)
		if !reflect.DeepEqual(got, c) {
			t.Errorf("CredentialOf gives %+v", got)
		}
		return err
	})
}

func testUpdateCredential(t *testing.T, st store.AuthServer) {
	c := newCredential("update", 1)
	authUpdate(t, st, func(tx store.AuthTx) error { return tx.InsertCredential(c) })
	next := newCredential("update", 1)
	next.User, next.State, next.Suite, next.Blob, next.PINHash, next.Imported = "another", "locked", "TOTP-SHA256-6-30", nil, nil, false
	next.Counter, next.Failures, next.FailedEver, next.Candidates, next.Updated = 99, 0, 0, 0, now.Add(time.Second)
	for _, try := range []struct {
		version uint64
		want    error
	}{{0, reference.ErrConflict}, {1, reference.ErrConflict}, {3, reference.ErrConflict}, {2, nil}, {2, reference.ErrConflict}} {
		next.Version = try.version
		want(t, fmt.Sprintf("version %d", try.version), st.Update(context.Background(), func(tx store.AuthTx) error {
			return tx.UpdateCredential(next)
		}), try.want)
	}
	authView(t, st, func(tx store.AuthReader) error {
		got, err := tx.Credential(c.Token)
		if !reflect.DeepEqual(got, next) {
			t.Errorf("read %+v\nwant %+v", got, next)
		}
		return err
	})
}

// testRaceUpdateCredential: 200 OTPs at once; every one that is not lost counts.
func testRaceUpdateCredential(t *testing.T, st store.AuthServer) {
	c := newCredential("race", 1)
	authUpdate(t, st, func(tx store.AuthTx) error { return tx.InsertCredential(c) })
	fromOld := race(t, func() error { // each judged by the same old read
		next := c
		next.Version++
		return st.Update(context.Background(), func(tx store.AuthTx) error { return tx.UpdateCredential(next) })
	})
	if fromOld != 1 {
		t.Errorf("%d of %d changes of one version succeeded", fromOld, racers)
	}
	race(t, func() error { // each judged by its own read
		return st.Update(context.Background(), func(tx store.AuthTx) error {
			now, err := tx.Credential(c.Token)
			now.Version, now.Counter = now.Version+1, now.Counter+1
			if err != nil {
				return err
			}
			return tx.UpdateCredential(now)
		})
	})
	authView(t, st, func(tx store.AuthReader) error {
		got, err := tx.Credential(c.Token)
		if got.Counter != c.Counter+racers {
			t.Errorf("%d increments of %d are left", got.Counter-c.Counter, racers)
		}
		return err
	})
}

func testMessages(t *testing.T, st store.AuthServer) {
	m := store.Message{Key: "key 'of' a message", Digest: make([]byte, 32), Result: `{"ok":true}`, At: now}
	put := func() error {
		return st.Update(context.Background(), func(tx store.AuthTx) error { return tx.InsertMessage(m) })
	}
	want(t, "a message", put(), nil)
	want(t, "its key again", put(), reference.ErrExists)
	authView(t, st, func(tx store.AuthReader) error {
		got, err := tx.Message(m.Key)
		if !reflect.DeepEqual(got, m) {
			t.Errorf("read %+v", got)
		}
		return err
	})
}

func testAuthKeys(t *testing.T, st store.AuthServer) {
	k := store.WrappedKey{Name: "ROW", Version: 1, Master: "MK-MAC", Blob: []byte{0, 1}, Created: now}
	authUpdate(t, st, func(tx store.AuthTx) error { return tx.PutKey(k) })
	authView(t, st, func(tx store.AuthReader) error {
		got, err := tx.Keys()
		if !reflect.DeepEqual(got, []store.WrappedKey{k}) {
			t.Errorf("Keys gives %+v", got)
		}
		return err
	})
}

func testAuthFilled(t *testing.T, e Engine) {
	location := e.New(t)
	st := e.openAuthServer(t, location)
	authUpdate(t, st, func(tx store.AuthTx) error {
		for i := range filled {
			if err := tx.InsertCredential(newCredential("filled", i)); err != nil {
				return err
			}
			if err := tx.InsertMessage(store.Message{Key: fmt.Sprint("message ", i), At: now}); err != nil {
				return err
			}
			if err := tx.InsertChallenge(newChallenge("filled", i)); err != nil {
				return err
			}
		}
		return nil
	})
	raw := e.raw(t, location, "authserver")
	wantIndexed(t, e, raw, sql.AuthServerLookups(newCredential("filled", 1001), "message 1001", newChallenge("filled", 1001).ID))
	var after reference.TokenID
	seen := 0
	for {
		var page []store.Credential
		authView(t, st, func(tx store.AuthReader) (err error) {
			page, err = tx.Credentials(after, 300)
			return err
		})
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			if c.Token <= after {
				t.Fatalf("%q comes after %q", c.Token, after)
			}
			after = c.Token
			seen++
		}
	}
	if seen != filled {
		t.Errorf("walked over %d credentials of %d", seen, filled)
	}
}

// testRefusals has two nodes count, each slot for the first time at once.
func testRefusals(t *testing.T, e Engine, location string, st store.AuthServer) {
	const slots, times = 32, 2
	nodes := []store.AuthServer{st, e.openAuthServer(t, location)}
	for slot := range slots {
		var both sync.WaitGroup
		start := make(chan struct{})
		for _, node := range nodes {
			both.Go(func() {
				<-start
				for range times {
					if err := node.Update(t.Context(), func(tx store.AuthTx) error { return tx.CountRefusal(slot) }); err != nil {
						t.Errorf("slot %d: %v", slot, err)
					}
				}
			})
		}
		close(start)
		both.Wait()
	}
	var rows, sum int
	if err := e.raw(t, location, "authserver").Read.QueryRow("SELECT COUNT(*), SUM(counted) FROM refusals").Scan(&rows, &sum); err != nil || rows != slots || sum != slots*times*len(nodes) {
		t.Errorf("%d refusals in %d slots, %v", sum, rows, err)
	}
}

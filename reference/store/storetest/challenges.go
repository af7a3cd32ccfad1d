package storetest

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// newChallenge is an unused challenge of its own token.
func newChallenge(name string, n int) store.Challenge {
	id := tokenID(name, n)
	return store.Challenge{
		ID: string(id), Token: id, Question: "0123ABCD", Client: "client", Session: "session é",
		Asked: bytes.Repeat([]byte{0, byte(n)}, 16), Expires: now.Add(time.Minute), KeptUntil: now.Add(time.Hour),
		MAC: bytes.Repeat([]byte{0, 2}, 16),
	}
}

func used(c store.Challenge) store.Challenge {
	c.Used, c.MAC = true, bytes.Repeat([]byte{9}, 32)
	return c
}

func challenge(t testing.TB, st store.AuthServer, id string) (c store.Challenge) {
	t.Helper()
	authView(t, st, func(tx store.AuthReader) (err error) {
		c, err = tx.Challenge(id)
		return err
	})
	return c
}

func testChallengeRoundTrip(t *testing.T, st store.AuthServer) {
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		c := newChallenge("chround", n)
		c.Question = rapid.StringMatching(`[0-9A-Za-z]{1,64}`).Draw(r, "question")
		c.Client = rapid.StringMatching(`[0-9A-Za-z]{0,64}`).Draw(r, "client")
		c.Session = string(users.Draw(r, "session"))
		c.Asked = rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "asked")
		c.Used = rapid.Bool().Draw(r, "used")
		if err := st.Update(context.Background(), func(tx store.AuthTx) error { return tx.InsertChallenge(c) }); err != nil {
			r.Fatal(err)
		}
		if got := challenge(t, st, c.ID); !reflect.DeepEqual(got, c) {
			r.Fatalf("wrote %+v\nread  %+v", c, got)
		}
	})
}

func testAskedOnce(t *testing.T, st store.AuthServer) {
	c, other, another := newChallenge("asked", 1), newChallenge("asked", 2), newChallenge("asked", 3)
	other.Token, other.Asked = c.Token, c.Asked // the same to the same
	another.Asked = c.Asked                     // the same to another token
	put := func(c store.Challenge) error {
		return st.Update(context.Background(), func(tx store.AuthTx) error { return tx.InsertChallenge(c) })
	}
	want(t, "a challenge", put(c), nil)
	want(t, "the same to the same token", put(other), reference.ErrExists)
	want(t, "the same to another token", put(another), nil)
	another.Token, another.Asked = other.Token, other.MAC
	want(t, "its id again", put(another), reference.ErrExists)
	authUpdate(t, st, func(tx store.AuthTx) error { return tx.UseChallenge(used(c)) })
	want(t, "the same to the same token, after its use", put(other), reference.ErrExists)
}

func testRaceUseChallenge(t *testing.T, st store.AuthServer) {
	c := newChallenge("raceuse", 1)
	authUpdate(t, st, func(tx store.AuthTx) error { return tx.InsertChallenge(c) })
	want(t, "a use that is none", st.Update(context.Background(), func(tx store.AuthTx) error { return tx.UseChallenge(c) }), reference.ErrConflict)
	won := race(t, func() error {
		return st.Update(context.Background(), func(tx store.AuthTx) error { return tx.UseChallenge(used(c)) })
	})
	if got := challenge(t, st, c.ID); won != 1 || !reflect.DeepEqual(got, used(c)) {
		t.Errorf("%d of %d used the challenge, which is %+v", won, racers, got)
	}
}

// testUseAndUpdate: either of the two conflicts takes the other back.
func testUseAndUpdate(t *testing.T, st store.AuthServer) {
	k, c := newCredential("useupdate", 1), newChallenge("useupdate", 1)
	authUpdate(t, st, func(tx store.AuthTx) error {
		if err := tx.InsertCredential(k); err != nil {
			return err
		}
		return tx.InsertChallenge(c)
	})
	both := func(version uint64) error {
		next := k
		next.Version = version
		return st.Update(context.Background(), func(tx store.AuthTx) error {
			if err := tx.UseChallenge(used(c)); err != nil {
				return err
			}
			return tx.UpdateCredential(next)
		})
	}
	want(t, "the row has changed", both(3), reference.ErrConflict)
	if challenge(t, st, c.ID).Used {
		t.Error("the challenge is used, the row is not changed")
	}
	want(t, "both", both(2), nil)
	want(t, "the challenge is used", both(3), reference.ErrConflict)
	authView(t, st, func(tx store.AuthReader) error {
		got, err := tx.Credential(k.Token)
		if got.Version != 2 {
			t.Errorf("the row has version %d", got.Version)
		}
		return err
	})
}

func testForgetChallenges(t *testing.T, st store.AuthServer) {
	early, late := newChallenge("forget", 1), newChallenge("forget", 2)
	early.KeptUntil, late.KeptUntil = now.Add(-48*time.Hour), now.Add(-47*time.Hour)
	authUpdate(t, st, func(tx store.AuthTx) error {
		if err := tx.InsertChallenge(early); err != nil {
			return err
		}
		return tx.InsertChallenge(late)
	})
	for range 2 {
		authUpdate(t, st, func(tx store.AuthTx) error { return tx.ForgetChallenges(late.KeptUntil) })
	}
	authView(t, st, func(tx store.AuthReader) error {
		_, err := tx.Challenge(early.ID)
		want(t, "the early one", err, reference.ErrNotFound)
		_, err = tx.Challenge(late.ID)
		return err
	})
}

package storetest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// withCode inserts a token with one live code.
func withCode(t *testing.T, st store.EPS, name, locator string) reference.RegistrationCode {
	t.Helper()
	k := newToken(name, 1)
	code := newCode(k.ID, locator)
	update(t, st, func(tx store.Tx) error {
		if err := tx.InsertToken(k); err != nil {
			return err
		}
		return tx.InsertCode(code)
	})
	return code
}

func code(t *testing.T, st store.EPS, locator string) (c reference.RegistrationCode) {
	t.Helper()
	view(t, st, func(tx store.Reader) (err error) {
		c, err = tx.CodeByLocator(locator)
		return err
	})
	return c
}

func testUseCode(t *testing.T, st store.EPS) {
	c := withCode(t, st, "use", "USE00001")
	if got := code(t, st, c.Locator); !reflect.DeepEqual(got, c) {
		t.Errorf("read %+v, wrote %+v", got, c)
	}
	for _, try := range []struct {
		what string
		at   time.Time
		want error
	}{
		{"at its expiry", c.Expires, reference.ErrConflict},
		{"a microsecond before", c.Expires.Add(-time.Microsecond), nil},
		{"again", now, reference.ErrConflict},
	} {
		want(t, try.what, st.Update(context.Background(), func(tx store.Tx) error {
			return tx.UseCode(c.Locator, try.at)
		}), try.want)
	}
	if got := code(t, st, c.Locator); got.State != reference.CodeUsed {
		t.Errorf("the code is %s", got.State)
	}
	want(t, "a locator twice", st.Update(context.Background(), func(tx store.Tx) error {
		return tx.InsertCode(c)
	}), reference.ErrExists)
}

func testCountFailure(t *testing.T, st store.EPS) {
	c := withCode(t, st, "fail", "FAIL0001")
	count := func() (got reference.RegistrationCode, err error) {
		err = st.Update(context.Background(), func(tx store.Tx) (err error) {
			got, err = tx.CountFailure(c.Locator, 3)
			return err
		})
		return got, err
	}
	for i, state := range []reference.CodeState{reference.CodeLive, reference.CodeLive, reference.CodeKilled} {
		got, err := count()
		want(t, "a failure", err, nil)
		c.Failures, c.State = i+1, state
		if !reflect.DeepEqual(got, c) {
			t.Errorf("after %d failures %+v", i+1, got)
		}
	}
	_, err := count()
	want(t, "a failure of a killed code", err, reference.ErrConflict)
	if got := code(t, st, c.Locator); got.Failures != 3 {
		t.Errorf("a killed code counts %d failures", got.Failures)
	}
}

func testCodesOfToken(t *testing.T, st store.EPS) {
	first := withCode(t, st, "codes", "CODES001")
	second := newCode(first.Token, "CODES000") // made in the same microsecond, and sorts before
	second.Sealed = []byte("\x00a code under DBK")
	live := func() (n int) {
		view(t, st, func(tx store.Reader) (err error) {
			n, err = tx.LiveCodes()
			return err
		})
		return n
	}
	before := live()
	update(t, st, func(tx store.Tx) error {
		if err := tx.RetireCodes(first.Token); err != nil {
			return err
		}
		if err := tx.InsertCode(second); err != nil {
			return err
		}
		got, err := tx.CodeOf(first.Token)
		if !reflect.DeepEqual(got, second) {
			t.Errorf("the newest code is %+v", got)
		}
		return err
	})
	if got := code(t, st, first.Locator); got.State != reference.CodeRetired {
		t.Errorf("the replaced code is %s", got.State)
	}
	if n := live(); n != before {
		t.Errorf("%d live codes, before %d", n, before)
	}
	update(t, st, func(tx store.Tx) error { return tx.RetireCodes(first.Token) })
	if n := live(); n != before-1 {
		t.Errorf("%d live codes after retiring one of %d", n, before)
	}
	want(t, "a code of no token", func() error {
		err := st.Update(context.Background(), func(tx store.Tx) error { return tx.InsertCode(newCode("none", "NONE0001")) })
		if err != nil {
			return nil
		}
		return reference.ErrConflict
	}(), nil)
}

// testCodesWithoutLocator: those of MPP v1 are found by their index, and counted.
func testCodesWithoutLocator(t *testing.T, st store.EPS) {
	k := newToken("literal", 1)
	code := newCode(k.ID, "LITERAL1")
	code.MPP = 1
	guessable := func(at time.Time) (n int) {
		view(t, st, func(tx store.Reader) (err error) {
			n, err = tx.GuessableCodes(at)
			return err
		})
		return n
	}
	before := guessable(now)
	update(t, st, func(tx store.Tx) error {
		return errors.Join(tx.InsertToken(k), tx.InsertCode(code), tx.InsertCode(newCode(k.ID, "NOGUESS1")))
	})
	view(t, st, func(tx store.Reader) error {
		if got, err := tx.CodeByIndex(code.Index); err != nil || !reflect.DeepEqual(got, code) {
			t.Errorf("by its index %+v, %v", got, err)
		}
		_, err := tx.CodeByIndex([]byte("of nobody"))
		want(t, "an unknown index", err, reference.ErrNotFound)
		return nil
	})
	if n := guessable(now); n != before+1 {
		t.Errorf("%d codes can be guessed, before one of v1 and one of v2 %d", n, before)
	}
	if n := guessable(code.Expires); n != before {
		t.Errorf("%d codes can be guessed when it has expired, before it %d", n, before)
	}
	other := newCode(k.ID, "LITERAL2")
	other.Index = code.Index
	want(t, "an index twice", st.Update(context.Background(), func(tx store.Tx) error { return tx.InsertCode(other) }), reference.ErrExists)
	update(t, st, func(tx store.Tx) error { return tx.UseCode(code.Locator, now) })
	if n := guessable(now); n != before {
		t.Errorf("%d codes can be guessed when it is used, before it %d", n, before)
	}
}

package enroll_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/store"
)

// provisioned enrols a token and marks it as delivered.
func provisioned(t *testing.T, w *enrolltest.World) reference.TokenID {
	t.Helper()
	return provisionedAs(t, w, enrolltest.User)
}

func provisionedAs(t *testing.T, w *enrolltest.World, user reference.User) reference.TokenID {
	t.Helper()
	r := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: user})
	token, code, err := w.Enroll.Status(ctx, r.Token)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.UseCode(code.Locator, w.Clock.Now()); err != nil {
			return err
		}
		return tx.MoveToken(r.Token, reference.Issued, reference.Provisioned, token.RowVersion, token.RowVersion+1, w.Clock.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Token
}

func TestChangesReachTheAuthenticationServerInTheirOrder(t *testing.T) {
	w := enrolltest.New(t)
	id := provisioned(t, w)
	w.Server.Fail(func(string) error { return errors.New("away") })
	for _, c := range []struct {
		do   func() error
		want reference.State
	}{
		{func() error { return w.Enroll.Suspend(ctx, id, "officer") }, reference.Suspended},
		{func() error { return w.Enroll.Resume(ctx, id, "officer") }, reference.Provisioned},
		{func() error { return w.Enroll.Suspend(ctx, id, "officer") }, reference.Suspended},
		{func() error { return w.Enroll.Revoke(ctx, id, "officer") }, reference.Revoked},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		if state, _ := w.State(t, id); state != c.want {
			t.Fatalf("token is %s, want %s", state, c.want)
		}
	}
	w.Server.Fail(nil)
	if err := w.Enroll.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{"create", "suspend", "resume", "suspend", "revoke"}
	for i := range want {
		want[i] += " " + string(id)
	}
	if log := w.Server.Log(); !slices.Equal(log, want) {
		t.Errorf("messages %v, want %v", log, want)
	}
}

func TestWhatTheTableDoesNotAllowIsAConflict(t *testing.T) {
	w := enrolltest.New(t)
	issued := w.Enrol(t).Token
	for name, do := range map[string]func() error{
		"suspend an issued token": func() error { return w.Enroll.Suspend(ctx, issued, "") },
		"resume an issued token":  func() error { return w.Enroll.Resume(ctx, issued, "") },
	} {
		if err := do(); !errors.Is(err, reference.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Enroll.Revoke(ctx, issued, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Enroll.Revoke(ctx, issued, ""); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("revoke twice: %v", err)
	}
	if _, err := w.Enroll.Reissue(ctx, issued, ""); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("reissue a revoked token: %v", err)
	}
	if err := w.Enroll.Revoke(ctx, "00000000000000000000000000", ""); !errors.Is(err, reference.ErrNotFound) {
		t.Errorf("an unknown token: %v", err)
	}
	if err := w.Enroll.Revoke(ctx, "no id", ""); !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("no token id: %v", err)
	}
}

func TestReissueReplacesTheCodeAndNeverTellsThePIN(t *testing.T) {
	w := enrolltest.New(t)
	first := w.Enrol(t)
	second, err := w.Enroll.Reissue(ctx, first.Token, "officer")
	if err != nil {
		t.Fatal(err)
	}
	if second.PIN.Len() != 0 || second.Code.Len() == 0 || string(second.Code.Bytes()) == string(first.Code.Bytes()) {
		t.Error("want a new code and no PIN")
	}
	locator, _, err := reference.SplitCode(first.Code.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	err = w.Store.View(ctx, func(tx store.Reader) error {
		old, err := tx.CodeByLocator(locator)
		if old.State != reference.CodeRetired {
			t.Errorf("the old code is %s", old.State)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARevokedTokensUserMayEnrolAgain(t *testing.T) {
	w := enrolltest.New(t)
	id := w.Enrol(t).Token
	if err := w.Enroll.Revoke(ctx, id, "officer"); err != nil {
		t.Fatal(err)
	}
	if state, code := w.State(t, id); state != reference.Revoked || code != reference.CodeRetired {
		t.Errorf("token is %s, code is %s", state, code)
	}
	w.Enrol(t)
}

func TestAMessageThatIsRefusedForGoodIsRecordedAndDropped(t *testing.T) {
	w := enrolltest.New(t)
	id := provisioned(t, w)
	w.Server.Fail(func(string) error { return reference.ErrRefused })
	if err := w.Enroll.Suspend(ctx, id, "officer"); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Outbox(t)); n != 0 {
		t.Errorf("%d messages wait", n)
	}
	if records := w.Records(t, store.AuditQuery{Token: id, Event: "message refused"}); len(records) != 1 {
		t.Errorf("records %+v", records)
	}
}

func TestOneTokensTroubleHoldsUpNobody(t *testing.T) {
	w := enrolltest.New(t)
	w.Server.Fail(func(string) error { return errors.New("away") })
	var ids []reference.TokenID
	for range 4 {
		id := func() reference.TokenID { w.Server.Fail(nil); return provisioned(t, w) }()
		w.Server.Fail(func(string) error { return errors.New("away") })
		if err := w.Enroll.Revoke(ctx, id, "officer"); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	poisoned := map[string]int{}
	w.Server.Fail(func(op string) error {
		if poisoned[op]++; poisoned[op] <= 3 {
			return errors.New("cannot")
		}
		return nil
	})
	if err := w.Enroll.Flush(ctx); err == nil {
		t.Error("three messages failed and nobody was told")
	}
	if err := w.Enroll.Flush(ctx); err != nil || w.Server.State(ids[3]) != "revoked" {
		t.Errorf("flush: %v; the last one is %q", err, w.Server.State(ids[3]))
	}
}

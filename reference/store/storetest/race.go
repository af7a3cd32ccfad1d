package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

const racers = 200

// race runs fn in 200 goroutines at once and counts its successes; every failure must be ErrConflict.
func race(t *testing.T, fn func() error) int {
	t.Helper()
	errs := make([]error, racers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			<-start
			errs[i] = fn()
		})
	}
	close(start)
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, reference.ErrConflict) {
			t.Errorf("lost with %v", err)
		}
	}
	return won
}

func testRaceUseCode(t *testing.T, st store.EPS) {
	c := withCode(t, st, "raceuse", "RACEUSE1")
	won := race(t, func() error {
		return st.Update(context.Background(), func(tx store.Tx) error { return tx.UseCode(c.Locator, now) })
	})
	if won != 1 {
		t.Errorf("%d of %d used the code", won, racers)
	}
}

func testRaceCountFailure(t *testing.T, st store.EPS) {
	c := withCode(t, st, "racefail", "RACEFAIL")
	won := race(t, func() error {
		return st.Update(context.Background(), func(tx store.Tx) error {
			_, err := tx.CountFailure(c.Locator, 5)
			return err
		})
	})
	if got := code(t, st, c.Locator); won != 5 || got.Failures != 5 || got.State != reference.CodeKilled {
		t.Errorf("%d failures counted, the code has %d and is %s", won, got.Failures, got.State)
	}
}

// testRaceMoveToken: the read before does not help who comes second.
func testRaceMoveToken(t *testing.T, st store.EPS) {
	k := newToken("racemove", 1)
	update(t, st, func(tx store.Tx) error { return tx.InsertToken(k) })
	won := race(t, func() error {
		return st.Update(context.Background(), func(tx store.Tx) error {
			return tx.MoveToken(k.ID, reference.Issued, reference.Provisioned, 1, 2, now)
		})
	})
	if won != 1 {
		t.Errorf("%d of %d moved the token", won, racers)
	}
}

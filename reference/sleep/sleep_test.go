package sleep_test

import (
	"context"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference/sleep"
)

func TestForIsNeverShort(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, time.Microsecond, time.Millisecond, 4300 * time.Microsecond, 12 * time.Millisecond} {
		start := time.Now()
		sleep.For(t.Context(), d)
		if took := time.Since(start); took < d {
			t.Errorf("%v took %v", d, took)
		}
	}
}

func TestForEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	start := time.Now()
	sleep.For(ctx, time.Hour)
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

// Package sleep waits for a time and wakes no later for having begun to wait late.
//
// The runtime's timers wait in whole milliseconds from when they are set. What leaves by
// one therefore still tells, by up to a millisecond, when the work before it had ended:
// an answer that is held back until a grid's next step would come earlier after work of
// 4.1 ms than after work of 4.3 ms. The kernel's own sleep has no such steps.
package sleep

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// last is what is left to the kernel: longer than a timer can be late, and short, since a
// thread sleeps with it.
const last = 3 * time.Millisecond

// For returns after d, or when ctx ends. At the very end, for 3 ms at most, it does not
// look at ctx.
func For(ctx context.Context, d time.Duration) {
	at := time.Now().Add(d)
	if !roughly(ctx, d-last) {
		return
	}
	for left := time.Until(at); left > 0; left = time.Until(at) {
		t := unix.NsecToTimespec(int64(left))
		_ = unix.Nanosleep(&t, nil) // a signal ends it early; what is left is slept again
	}
}

// roughly waits by a timer, and says whether ctx still lives.
func roughly(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

package mpp

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// turnstile bounds the guesses of a version whose codes have no locator, whatever
// addresses they come from: one there is tried against every live code. A request holds a
// token while it is judged and gives it back unless it was a guess, so that never more
// are judged at once than may fail.
type turnstile struct {
	mu     sync.Mutex
	bucket *rate.Limiter
	held   int
}

func newTurnstile(c Config) *turnstile {
	return &turnstile{bucket: rate.NewLimiter(c.TotalRate, c.TotalBurst)}
}

// enter waits for a token. It gives ctx's error where that ends first.
func (t *turnstile) enter(ctx context.Context, w Waiter) error {
	for {
		wait := t.take(w.Now())
		if wait == 0 {
			return nil
		}
		w.Sleep(ctx, wait)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// take gives a token, or how long to wait before asking again: one that is given back
// may be had before.
func (t *turnstile) take(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	short := 1 - (t.bucket.TokensAt(now) - float64(t.held))
	if short <= 0 {
		t.held++
		return 0
	}
	wait := time.Duration(short / float64(t.bucket.Limit()) * float64(time.Second))
	return min(max(wait, time.Millisecond), Quantum)
}

// leave ends the judgement of a request.
func (t *turnstile) leave(guessed bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held--
	if guessed {
		t.bucket.ReserveN(now, 1)
	}
}

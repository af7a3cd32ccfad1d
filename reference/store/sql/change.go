package sql

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// group is the transaction of one attempt.
type group struct {
	*session
	alone bool // a single change needs no savepoint
	wrote bool // something is to be committed
	head  store.AuditGroup
	audit []store.AuditRecord
}

// turn is the part of a group that one change has.
type turn struct {
	*group
	ctx   context.Context
	saved bool // the savepoint before the first write is set
	over  atomic.Bool
}

var errOver = errors.New("the transaction is over")

// write runs a statement that changes rows, after a savepoint the first time.
func (t *turn) write(query string, args ...any) (int64, error) {
	if t.over.Load() {
		return 0, errOver
	}
	if !t.saved && !t.alone {
		if err := t.plain(t.ctx, "SAVEPOINT turn"); err != nil {
			return 0, err
		}
	}
	t.saved = true
	return t.exec(t.ctx, query, args...)
}

// change is one Update on its way through the writer.
type change struct {
	fn      func(*turn) error
	fate    atomic.Int32
	freed   chan struct{} // after an attempt that came to nothing, the caller may give up
	turns   chan *turn
	done    chan struct{} // the function has run
	answer  chan error
	verdict error // of the function, in the last attempt
	gone    bool  // the caller panicked: it needs no further turn
}

const (
	waiting int32 = iota
	taken
	givenUp
)

// take claims the change for the writer, for one attempt, unless its caller gave it up.
func (c *change) take() bool   { return c.fate.CompareAndSwap(waiting, taken) }
func (c *change) giveUp() bool { return c.fate.CompareAndSwap(waiting, givenUp) }

// free ends the claim when an attempt was taken back: it is the caller's again whether to
// wait for the next one.
func (c *change) free() {
	if c.fate.CompareAndSwap(taken, waiting) {
		select {
		case c.freed <- struct{}{}:
		default:
		}
	}
}

// do runs fn in a transaction. See store.EPS.Update.
func (w *writer) do(ctx context.Context, fn func(*turn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{fn: fn, freed: make(chan struct{}, 1), turns: make(chan *turn), done: make(chan struct{}), answer: make(chan error, 1)}
	select {
	case <-w.quit:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	case w.queue <- c:
	}
	return w.follow(ctx, c)
}

// follow runs the function at each of its turns until the answer comes.
func (w *writer) follow(ctx context.Context, c *change) error {
	cancelled, stopped := ctx.Done(), w.stopped
	for {
		select {
		case t := <-c.turns:
			c.run(t)
		case err := <-c.answer:
			return err
		case <-cancelled:
			if c.giveUp() {
				return ctx.Err()
			}
			cancelled = nil // it is being made: only the writer knows what becomes of it
		case <-stopped:
			if c.giveUp() {
				return errClosed
			}
			stopped = nil
		case <-c.freed:
			cancelled, stopped = ctx.Done(), w.stopped
		}
	}
}

// run calls the function. However it ends, the writer goes on.
func (c *change) run(t *turn) {
	c.gone, c.verdict = true, errors.New("the function did not return")
	defer func() {
		t.over.Store(true)
		c.done <- struct{}{}
	}()
	c.verdict = c.fn(t)
	c.gone = false
}

// judge gives the change its turn, and takes back what it did if it failed. An
// error means that the whole group must be tried again.
func (c *change) judge(ctx context.Context, g *group) error {
	if c.gone || !c.take() {
		return nil
	}
	records := len(g.audit)
	t := &turn{group: g, ctx: ctx}
	c.turns <- t
	<-c.done
	switch {
	case g.err != nil: // even where the function made light of it
		return g.err
	case c.verdict == nil:
		g.wrote = g.wrote || t.saved
		return nil
	}
	g.audit = g.audit[:records]
	if !t.saved || g.alone {
		return nil
	}
	if err := g.plain(ctx, "ROLLBACK TO SAVEPOINT turn"); err != nil {
		return fmt.Errorf("%w: %w", reference.ErrUnavailable, err)
	}
	return nil
}

package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epsbench/epsbench/reference"
)

const (
	queueLength = 1024 // changes that may wait
	groupLimit  = 64   // changes in one commit
	tries       = 9    // of one group; the pauses between them sum up to half a second
	groupTime   = 30 * time.Second
	// retryTime is how long after the first try another one may begin: whoever holds a lock
	// is not waited for nine times. A second wait of MariaDB's 3 s fits in.
	retryTime = 5 * time.Second
)

// errClosed is the answer of a closed store.
var errClosed = fmt.Errorf("the store is closed: %w", reference.ErrUnavailable)

// writer makes the changes of one database, one after the other, many in a commit:
// while one group waits for the disk, the next one gathers. A change is a function
// that runs in the goroutine of its caller when its turn comes, so a panic in it is
// its caller's own.
type writer struct {
	db       *sql.DB
	dialect  Dialect
	queue    chan *change
	quit     chan struct{}
	stopped  chan struct{}
	stopOnce sync.Once
	session  *session
	full     atomic.Pointer[refusal] // what was last refused for want of room
	// seal closes the group in the transaction; what it returns runs after the commit.
	seal func(context.Context, *group) (after func() error, err error)
}

func newWriter(c Config) *writer {
	w := &writer{
		db: c.Write, dialect: c.Dialect,
		queue: make(chan *change, queueLength), quit: make(chan struct{}), stopped: make(chan struct{}),
		seal: func(context.Context, *group) (func() error, error) { return func() error { return nil }, nil },
	}
	go w.loop()
	return w
}

// close waits for the group that is being committed; what still waits is refused.
func (w *writer) close() {
	w.stopOnce.Do(func() { close(w.quit) })
	<-w.stopped
}

func (w *writer) loop() {
	defer close(w.stopped)
	defer func() {
		if w.session != nil {
			w.session.discard()
		}
	}()
	for {
		select {
		case <-w.quit:
			return
		case first := <-w.queue:
			w.serve(w.gather(first))
		}
	}
}

// gather collects what waits, without waiting itself, and leaves out what was given up.
func (w *writer) gather(first *change) []*change {
	var changes []*change
	next := first
	for {
		if next.fate.Load() == waiting {
			changes = append(changes, next)
		}
		if len(changes) == groupLimit {
			return changes
		}
		select {
		case next = <-w.queue:
		default:
			return changes
		}
	}
}

// serve commits the changes and answers each.
func (w *writer) serve(changes []*change) {
	if len(changes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), groupTime)
	defer cancel()
	err := w.commit(ctx, changes)
	w.note(err)
	for _, c := range changes {
		if err != nil {
			c.verdict = err
		}
		c.answer <- c.verdict
	}
}

// commit tries the group until it is judged without a conflict. Its error is the
// fate of the whole group; each change has its own verdict besides.
func (w *writer) commit(ctx context.Context, changes []*change) error {
	var err error
	began, try := time.Now(), 0
	for ; try < tries; try++ {
		for _, c := range changes {
			c.free()
		}
		if try > 0 && (time.Since(began) > retryTime || !pause(ctx, jitter(try))) {
			break
		}
		var again bool
		if again, err = w.attempt(ctx, changes); err == nil || !again {
			return err
		}
	}
	return fmt.Errorf("given up after %d tries: %w", try, err)
}

// jitter grows from one to some hundred milliseconds, so that two nodes in conflict part.
func jitter(try int) time.Duration {
	most := time.Millisecond << try
	return most/2 + rand.N(most/2)
}

// attempt runs every change in one transaction and commits it. again says that
// nothing was committed and another attempt may succeed.
func (w *writer) attempt(ctx context.Context, changes []*change) (again bool, err error) {
	if again, err := w.begin(ctx); err != nil {
		return again, err
	}
	g := &group{session: w.session, alone: len(changes) == 1}
	for _, c := range changes {
		if err := c.judge(ctx, g); err != nil {
			again = !w.session.class.lasts()
			w.abandon(ctx)
			return again, err
		}
	}
	after, err := w.seal(ctx, g)
	if err != nil {
		again = w.session.err != nil && !w.session.class.lasts()
		w.abandon(ctx)
		return again, fmt.Errorf("seal the audit: %w", unavailable(err))
	}
	if !g.wrote {
		w.abandon(ctx)
		return false, nil
	}
	if err := w.session.plain(ctx, "COMMIT"); err != nil {
		again = w.session.err != nil && w.session.class == Conflict
		w.abandon(ctx)
		if !again {
			err = fmt.Errorf("the outcome of a commit is unknown: %w", unavailable(err))
		}
		return again, err
	}
	if err := after(); err != nil {
		return false, fmt.Errorf("committed, but not put outside: %w", unavailable(err))
	}
	return false, nil
}

// begin starts a transaction, on a new connection where the old one is gone. A server that
// takes none is away: whoever waits is told so at once, not after every try.
func (w *writer) begin(ctx context.Context) (again bool, err error) {
	for range 2 {
		if w.session == nil {
			if w.session, err = newSession(ctx, w.db, w.dialect.Classify); err != nil {
				return false, unavailable(err)
			}
		}
		if err = w.session.plain(ctx, w.dialect.Begin); err == nil {
			return false, nil
		}
		lasts := w.session.class.lasts()
		w.abandon(ctx)
		if lasts {
			return false, err
		}
	}
	return true, unavailable(err)
}

// abandon rolls back; a connection in doubt is given up.
func (w *writer) abandon(ctx context.Context) {
	if !w.session.rollback(ctx) {
		w.session.discard()
		w.session = nil
	}
}

// unavailable makes sure that an error of the machinery is told as such.
func unavailable(err error) error {
	if errors.Is(err, reference.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", reference.ErrUnavailable, err)
}

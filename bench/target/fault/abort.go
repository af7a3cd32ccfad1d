package fault

import (
	"context"
	dbsql "database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/epsbench/epsbench/reference/store/sql"
)

// errAborted is what a database says that has chosen a transaction to end a deadlock
// (MariaDB: error 1213).
var errAborted = errors.New("deadlock found; the transaction was rolled back")

// Aborts has transactions of a database rolled back when they come to their commit, with
// all that they have written. The zero value aborts none.
type Aborts struct {
	mu         sync.Mutex
	left, done int
}

// Arm has the next n aborted, in place of what was armed before.
func (a *Aborts) Arm(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left, a.done = n, 0
}

// Done counts those that were since Arm.
func (a *Aborts) Done() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.done
}

func (a *Aborts) take() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left == 0 {
		return false
	}
	a.left--
	a.done++
	return true
}

// In puts itself between a store and the connections that it writes by.
func (a *Aborts) In(c sql.Config) sql.Config {
	classify := c.Dialect.Classify
	c.Dialect.Classify = func(err error) sql.Class {
		if errors.Is(err, errAborted) {
			return sql.Conflict
		}
		return classify(err)
	}
	c.Write = dbsql.OpenDB(lender{c.Write, a})
	return c
}

// lender gives the connections of a pool, one for one.
type lender struct {
	pool   *dbsql.DB
	aborts *Aborts
}

func (l lender) Driver() driver.Driver { return l.pool.Driver() }
func (l lender) Close() error          { return l.pool.Close() }

func (l lender) Connect(ctx context.Context) (driver.Conn, error) {
	lent, err := l.pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{lent: lent, aborts: l.aborts}
	err = lent.Raw(func(real any) error {
		var whole bool
		if c.conn, whole = real.(conn); !whole {
			return errors.New("the driver lacks what the store uses of it")
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, lent.Close())
	}
	return c, nil
}

// conn is what the drivers of SQLite and MariaDB have, and the store uses.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// connection is one whose commits may not be made.
type connection struct {
	conn
	lent   *dbsql.Conn
	aborts *Aborts
}

// ExecContext answers a commit that is armed as the database would. What the transaction
// has written stays in it until the store rolls it back.
func (c *connection) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if query == "COMMIT" && c.aborts.take() {
		return nil, errAborted
	}
	return c.conn.ExecContext(ctx, query, args)
}

// CheckNamedValue leaves it to the driver which values it takes.
func (c *connection) CheckNamedValue(v *driver.NamedValue) error {
	if checker, is := c.conn.(driver.NamedValueChecker); is {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Close ends the connection: the pool that it came from does not lend it again.
func (c *connection) Close() error {
	_ = c.lent.Raw(func(any) error { return driver.ErrBadConn }) // as it says itself
	return nil
}

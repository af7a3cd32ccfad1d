package target

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	driversqlite "modernc.org/sqlite"

	"github.com/epsbench/epsbench/conformance"
	storesql "github.com/epsbench/epsbench/reference/store/sql"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// limited are SQLite databases whose own connections can be told to write nothing, or to
// let the file grow no more: what SQLite then answers is what it answers for a file that
// is read-only, or on a full disk.
type limited struct {
	paths [2]string
	told  atomic.Pointer[string] // a pragma that holds from the next transaction on
}

// What holds where nothing was taken away: SQLite's own limit of pages.
const unlimited = "PRAGMA query_only = 0; PRAGMA max_page_count = 4294967294"

// openLimited makes both.
func openLimited(ctx context.Context, dir string) (*stores, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l := &limited{paths: [2]string{filepath.Join(dir, "eps.db"), filepath.Join(dir, "authserver.db")}}
	l.tell(unlimited)
	s := &stores{driver: "sqlite", dsns: l.paths, limited: l}
	eps, err := l.config(ctx, 0)
	if err == nil {
		s.eps, err = storesql.OpenEPS(ctx, eps)
	}
	if err != nil {
		return nil, err
	}
	auth, err := l.config(ctx, 1)
	if err == nil {
		s.auth, err = storesql.OpenAuthServer(ctx, auth)
	}
	if err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
}

func (l *limited) tell(pragma string) { l.told.Store(&pragma) }

// config is that of the store, but for the connections that write.
func (l *limited) config(ctx context.Context, i int) (storesql.Config, error) {
	c, err := sqlite.Config(ctx, l.paths[i], databases[i])
	if err != nil {
		return c, err
	}
	connector, err := driversqlite.NewConnector(sqlite.DSN(l.paths[i]))
	if err != nil {
		return c, err
	}
	err = c.Write.Close()
	c.Write = sql.OpenDB(listening{connector, l})
	return c, err
}

// listening makes connections that do as they are told.
type listening struct {
	driver.Connector
	limited *limited
}

func (c listening) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := made.(connection)
	if !ok {
		return nil, fmt.Errorf("a connection of %T cannot be listened in to", made)
	}
	return &obedient{connection: full, limited: c.limited}, nil
}

// connection is all that database/sql uses of one.
type connection interface {
	driver.Conn
	driver.Pinger
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type obedient struct {
	connection
	limited *limited
	heard   *string
}

// ExecContext takes over what was told before a transaction begins.
func (c *obedient) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if told := c.limited.told.Load(); told != c.heard && strings.HasPrefix(query, "BEGIN") {
		if _, err := c.connection.ExecContext(ctx, *told, nil); err != nil {
			return nil, err
		}
		c.heard = told
	}
	return c.connection.ExecContext(ctx, query, args)
}

// breakages of SQLite.
func (l *limited) breakages() map[conformance.Outage]breakage {
	return map[conformance.Outage]breakage{
		conformance.DBReadOnly: l.readOnly,
		conformance.DBFull:     l.full,
		conformance.DBLocked:   l.locked,
	}
}

func (l *limited) readOnly(context.Context) (func(context.Context) error, error) {
	l.tell("PRAGMA query_only = 1")
	return func(context.Context) error { l.tell(unlimited); return nil }, nil
}

// filler takes the room that is left in a file.
const filler = "outage_filler"

// full lets neither file grow, and fills up what they have free.
func (l *limited) full(ctx context.Context) (func(context.Context) error, error) {
	mend := func(ctx context.Context) error {
		l.tell(unlimited)
		return l.each(ctx, func(c *sql.Conn) error {
			_, err := c.ExecContext(ctx, "DROP TABLE IF EXISTS "+filler)
			return err
		})
	}
	l.tell("PRAGMA max_page_count = 1") // SQLite takes the size that the file has
	if err := l.each(ctx, func(c *sql.Conn) error { return fill(ctx, c) }); err != nil {
		return nil, errors.Join(err, mend(ctx))
	}
	return mend, nil
}

// fill writes page by page until SQLite has none any more.
func fill(ctx context.Context, c *sql.Conn) error {
	if _, err := c.ExecContext(ctx, "CREATE TABLE "+filler+" (b BLOB); PRAGMA max_page_count = 1"); err != nil {
		return err
	}
	for range 100_000 {
		if _, err := c.ExecContext(ctx, "INSERT INTO "+filler+" VALUES (zeroblob(3000))"); err != nil {
			var e *driversqlite.Error
			if errors.As(err, &e) && e.Code() == sqliteFull {
				return nil
			}
			return err
		}
	}
	return errors.New("the database does not get full")
}

// sqliteFull is SQLITE_FULL (https://www.sqlite.org/rescode.html).
const sqliteFull = 13

// locked holds both files for itself, as another process does that never commits.
func (l *limited) locked(ctx context.Context) (func(context.Context) error, error) {
	var held []*sql.DB
	mend := func(context.Context) error {
		var err error
		for _, db := range held {
			err = errors.Join(err, db.Close()) // which rolls back
		}
		held = nil
		return err
	}
	for _, path := range l.paths {
		db, err := sql.Open("sqlite", path+patient["sqlite"])
		if err != nil {
			return nil, errors.Join(err, mend(ctx))
		}
		db.SetMaxOpenConns(1)
		held = append(held, db)
		if _, err := db.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
			return nil, errors.Join(err, mend(ctx))
		}
	}
	return mend, nil
}

// each calls on with a connection of its own to each file.
func (l *limited) each(ctx context.Context, on func(*sql.Conn) error) error {
	for _, path := range l.paths {
		db, err := sql.Open("sqlite", path+patient["sqlite"])
		if err != nil {
			return err
		}
		conn, err := db.Conn(ctx)
		if err == nil {
			err = errors.Join(on(conn), conn.Close())
		}
		if err = errors.Join(err, db.Close()); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return nil
}

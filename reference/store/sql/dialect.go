// Package sql is the store on database/sql: everything that SQLite and MariaDB
// share, which is nearly all. The packages sqlite and mariadb open a server, say
// how it differs in a Dialect, and hand over.
//
// Start at EPS and writer: every change passes through one writer, which commits
// several of them at once.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// Dialect is what one engine does in its own way.
type Dialect struct {
	Engine string // name for people
	Goose  database.Dialect
	Begin  string // starts a transaction that writes
	View   string // starts a transaction that reads one snapshot
	// Version asks the server for its version.
	Version string
	// Close is the last statement of a store that ends; it may fail.
	Close string
	// Classify says what an error of the driver means for the transaction.
	Classify func(error) Class
	// Locker keeps two processes from migrating at once; nil where the engine does so itself.
	Locker lock.SessionLocker
}

// Class says what an error of the driver means.
type Class uint8

const (
	// Broken: nobody knows what the transaction holds now; the connection is given up.
	Broken Class = iota
	// Conflict: another transaction won; everything was or must be rolled back and judged again.
	Conflict
	// Duplicate: the statement hit a unique index and changed nothing.
	Duplicate
	// Statement: only this statement failed, and it will fail again.
	Statement
	// Full: there is no room; everything must be rolled back.
	Full
	// ReadOnly: nothing is written now; everything must be rolled back.
	ReadOnly
)

// lasts says that another try at once would meet the same.
func (c Class) lasts() bool { return c == Full || c == ReadOnly }

// Config is an opened engine. The pools are closed by the store made from it.
type Config struct {
	Dialect Dialect
	Write   *sql.DB // its connections commit durably
	Read    *sql.DB
	// Unhurried opens connections that a migration may keep busy for long; nil: Write will do.
	Unhurried  func() (*sql.DB, error)
	Migrations fs.FS  // the SQL files at its root
	Name       string // "eps" or "authserver": names the table of applied migrations
	Location   string // for Info: a path or a DSN without its password
}

// ErrShared is a database that belongs to the other server: an EPS and its
// authentication server never share one.
var ErrShared = errors.New("the database belongs to another kind of server")

// neighbours are who must not be in the same database.
var neighbours = map[string]string{"eps": "authserver", "authserver": "eps"}

// prepare brings the schema up to date.
func (c Config) prepare(ctx context.Context) error {
	var n int
	other := neighbours[c.Name]
	if err := c.Write.QueryRowContext(ctx, "SELECT COUNT(*) FROM migrations_"+other).Scan(&n); err == nil {
		return fmt.Errorf("%w: %s", ErrShared, other)
	}
	_, err := Migrate(ctx, c, latest)
	return err
}

func (c Config) close() error {
	err := c.Read.Close()
	if c.Dialect.Close != "" {
		_, _ = c.Write.Exec(c.Dialect.Close) // what it leaves, the next start does
	}
	if c.Write != c.Read {
		if werr := c.Write.Close(); err == nil {
			err = werr
		}
	}
	return err
}

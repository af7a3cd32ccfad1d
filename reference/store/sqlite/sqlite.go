// Package sqlite is the store in one file, for a single process or a few on one
// machine: write-ahead log, every commit synced (synchronous=FULL).
//
// Start at OpenEPS.
package sqlite

import (
	"context"
	dbsql "database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
)

//go:embed migrations
var migrations embed.FS

// pragmas hold on every connection. A commit returns after its fsync; another
// process that writes is waited for.
var pragmas = []string{"busy_timeout(2000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}

// OpenEPS opens the database of an EPS, making it where there is none.
func OpenEPS(ctx context.Context, path string) (store.EPS, error) {
	c, err := Config(ctx, path, "eps")
	if err != nil {
		return nil, err
	}
	s, err := sql.OpenEPS(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
}

// OpenAuthServer opens the database of an authentication server, making it where there is none.
func OpenAuthServer(ctx context.Context, path string) (store.AuthServer, error) {
	c, err := Config(ctx, path, "authserver")
	if err != nil {
		return nil, err
	}
	s, err := sql.OpenAuthServer(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return s, nil
}

// Config opens the pools on a file, for the name "eps" or "authserver". The schema is
// left as it is: sql.OpenEPS and sql.Migrate bring it up to date.
func Config(ctx context.Context, path, name string) (sql.Config, error) {
	files, err := fs.Sub(migrations, "migrations/"+name)
	if err != nil {
		return sql.Config{}, err
	}
	// SQLite gives its log the permissions of the file, so the file comes first.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return sql.Config{}, fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return sql.Config{}, fmt.Errorf("open the database: %w", err)
	}
	write, err := dbsql.Open("sqlite", DSN(path))
	if err != nil {
		return sql.Config{}, fmt.Errorf("open %s: %w", path, err)
	}
	if err := write.PingContext(ctx); err != nil {
		return sql.Config{}, fmt.Errorf("open %s: %w", path, errors.Join(err, write.Close()))
	}
	read, err := dbsql.Open("sqlite", DSN(path, "query_only(1)"))
	if err != nil {
		return sql.Config{}, fmt.Errorf("open %s: %w", path, errors.Join(err, write.Close()))
	}
	return sql.Config{Dialect: dialect, Write: write, Read: read, Migrations: files, Name: name, Location: path}, nil
}

// DSN is how the driver opens a file, with what holds on every connection and more pragmas.
func DSN(path string, more ...string) string {
	q := url.Values{"_pragma": append(append([]string{}, pragmas...), more...)}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

var dialect = sql.Dialect{
	Engine:   "SQLite",
	Goose:    database.DialectSQLite3,
	Begin:    "BEGIN IMMEDIATE", // the lock at once, not in the middle
	View:     "BEGIN",
	Close:    "PRAGMA wal_checkpoint(TRUNCATE)", // one file, whole, for whoever copies it
	Version:  "SELECT sqlite_version()",
	Classify: classify,
}

// classes are the primary result codes (https://www.sqlite.org/rescode.html) that do
// not leave the transaction in doubt.
var classes = map[int]sql.Class{
	sqlite3.SQLITE_BUSY:       sql.Conflict,
	sqlite3.SQLITE_LOCKED:     sql.Conflict,
	sqlite3.SQLITE_FULL:       sql.Full,
	sqlite3.SQLITE_READONLY:   sql.ReadOnly,
	sqlite3.SQLITE_CONSTRAINT: sql.Statement,
	sqlite3.SQLITE_TOOBIG:     sql.Statement,
	sqlite3.SQLITE_MISMATCH:   sql.Statement,
	sqlite3.SQLITE_ERROR:      sql.Statement,
}

func classify(err error) sql.Class {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return sql.Broken
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return sql.Duplicate
	}
	return classes[e.Code()&0xff]
}

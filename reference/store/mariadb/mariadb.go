// Package mariadb is the store on MariaDB 10.6 or newer, alone or as a Galera
// cluster. It refuses a server whose settings would lose what was acknowledged.
//
// Start at OpenEPS; checks holds what a server must be like.
package mariadb

import (
	"context"
	dbsql "database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3/database"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
)

//go:embed migrations
var migrations embed.FS

// OpenEPS opens the database of an EPS. dsn is that of go-sql-driver/mysql:
// user:password@tcp(host:3306)/database; the user may create tables in it.
func OpenEPS(ctx context.Context, dsn string) (store.EPS, error) {
	c, err := Config(ctx, dsn, "eps")
	if err != nil {
		return nil, err
	}
	s, err := sql.OpenEPS(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Location, err)
	}
	return s, nil
}

// OpenAuthServer opens the database of an authentication server.
func OpenAuthServer(ctx context.Context, dsn string) (store.AuthServer, error) {
	c, err := Config(ctx, dsn, "authserver")
	if err != nil {
		return nil, err
	}
	s, err := sql.OpenAuthServer(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", c.Location, err)
	}
	return s, nil
}

// Config checks the server and opens the pools, for the name "eps" or "authserver".
// The schema is left as it is: sql.OpenEPS and sql.Migrate bring it up to date.
func Config(ctx context.Context, dsn, name string) (sql.Config, error) {
	files, err := fs.Sub(migrations, "migrations/"+name)
	if err != nil {
		return sql.Config{}, err
	}
	cfg, err := parse(dsn)
	if err != nil {
		return sql.Config{}, err
	}
	galera, err := inspect(ctx, cfg)
	if err != nil {
		return sql.Config{}, err
	}
	if galera {
		// Reads wait for what other nodes have acknowledged.
		cfg.Params["wsrep_sync_wait"] = "1"
	}
	// A change judges by the newest rows; a view sees one moment.
	write, err := pool(cfg, "READ-COMMITTED")
	if err != nil {
		return sql.Config{}, err
	}
	read, err := pool(cfg, "REPEATABLE-READ")
	if err != nil {
		return sql.Config{}, errors.Join(err, write.Close())
	}
	unhurried := func() (*dbsql.DB, error) {
		patient := cfg.Clone()
		patient.ReadTimeout = 0
		return pool(patient, "READ-COMMITTED")
	}
	return sql.Config{
		Dialect: dialect, Write: write, Read: read, Unhurried: unhurried, Migrations: files, Name: name, Location: location(cfg),
	}, nil
}

// parse reads a DSN and sets what the store relies on. Its errors do not repeat
// the DSN, which holds a password.
func parse(dsn string) (*mysql.Config, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil || cfg.DBName == "" {
		return nil, errors.New("the MariaDB DSN is not of the form user:password@tcp(host:3306)/database")
	}
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.InterpolateParams, cfg.MultiStatements, cfg.AllowAllFiles = false, false, false
	cfg.ClientFoundRows = false // affected rows mean changed rows
	// A server that only reads says so in its error, and loses the session: the next one
	// may be on the node that writes. The driver would do the latter and hide the former.
	cfg.RejectReadOnly = false
	cfg.Logger = &mysql.NopLogger{}
	// A statement that runs is waited for, also by callers whose own time is up. The waits
	// for locks below are shorter.
	for _, d := range []struct {
		of *time.Duration
		is time.Duration
	}{{&cfg.Timeout, 3 * time.Second}, {&cfg.ReadTimeout, 5 * time.Second}, {&cfg.WriteTimeout, 5 * time.Second}} {
		if *d.of == 0 {
			*d.of = d.is
		}
	}
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	cfg.Params["time_zone"] = "'+00:00'"
	cfg.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'"
	cfg.Params["innodb_lock_wait_timeout"] = "3"
	cfg.Params["lock_wait_timeout"] = "3" // for a table that somebody has locked; a day by default
	return cfg, nil
}

func pool(cfg *mysql.Config, isolation string) (*dbsql.DB, error) {
	cfg = cfg.Clone()
	cfg.Params["tx_isolation"] = "'" + isolation + "'"
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", location(cfg), err)
	}
	return dbsql.OpenDB(connector), nil
}

// location names the database without the password.
func location(cfg *mysql.Config) string {
	return fmt.Sprintf("%s@%s(%s)/%s", cfg.User, cfg.Net, cfg.Addr, cfg.DBName)
}

var dialect = sql.Dialect{
	Engine:   "MariaDB",
	Goose:    database.DialectMySQL,
	Begin:    "START TRANSACTION",
	View:     "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
	Version:  "SELECT VERSION()",
	Classify: classify,
	Locker:   locker{},
}

// classes are the server's error numbers that do not leave the transaction in doubt.
// A deadlock and a failed certification look alike, also at COMMIT.
var classes = map[uint16]sql.Class{
	1213: sql.Conflict, // deadlock, certification conflict
	1205: sql.Conflict, // lock wait timeout
	1020: sql.Conflict, // changed since the snapshot
	1062: sql.Duplicate,
	1021: sql.Full,      // no room on the disk
	1114: sql.Full,      // no room for the table
	1048: sql.Statement, // NULL
	1054: sql.Statement, // unknown column
	1064: sql.Statement, // syntax
	1264: sql.Statement, // out of range
	1265: sql.Statement, // truncated
	1366: sql.Statement, // wrong value, not UTF-8
	1406: sql.Statement, // too long
	1451: sql.Statement, // foreign key
	1452: sql.Statement, // foreign key
	4025: sql.Statement, // CHECK
}

func classify(err error) sql.Class {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return sql.Broken
	}
	return classes[e.Number]
}

// locker lets one process of a server migrate at a time. On Galera the lock is
// local to the node; there the migrations' own IF NOT EXISTS helps.
type locker struct{}

// SessionLock implements lock.SessionLocker.
func (locker) SessionLock(ctx context.Context, conn *dbsql.Conn) error {
	var got dbsql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('epsbench migrations', 15)").Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return fmt.Errorf("another process migrates: %w", reference.ErrUnavailable)
	}
	return nil
}

// SessionUnlock implements lock.SessionLocker.
func (locker) SessionUnlock(ctx context.Context, conn *dbsql.Conn) error {
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK('epsbench migrations')")
	return err
}

// Package docker provides the servers that tests and the bench need beside them: a
// MariaDB in a container, or a local one where no Docker engine answers.
//
// Start at MariaDB.
package docker

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ErrNoDatabase is a machine that can run no MariaDB at all.
var ErrNoDatabase = errors.New("no MariaDB can be started here: start a Docker engine, or apt-get install mariadb-server galera-4")

// Instance is a running MariaDB server with its production settings for durability.
type Instance struct {
	DSN      string // of the user epsbench in the database epsbench
	AdminDSN string // of root, in the same database

	server   server
	stopOnce sync.Once
	stopErr  error
}

// server is a MariaDB however it was started.
type server interface {
	alive(ctx context.Context) bool // false where it is known to have ended
	logs(ctx context.Context) ([]byte, error)
	files(ctx context.Context) (map[string][]byte, error)
	stop() error
}

// credentials of one instance; they live as long as it does.
type credentials struct{ root, user string }

const (
	database = "epsbench"
	account  = "epsbench" // the user that owns it
)

// starter is a way to run a MariaDB; it gives the server and its address.
type starter func(context.Context, credentials, []string) (server, string, error)

// ways are the starters, best first.
var ways = []starter{startContainer, startLocal}

// errAbsent is a way that this machine does not have.
var errAbsent = errors.New("absent")

// MariaDB starts a server and waits until it answers. args are further options of
// mariadbd. Stop it when done. Start one for a process, and use Database for each test.
func MariaDB(ctx context.Context, args ...string) (*Instance, error) {
	return startFirst(ctx, ways, args)
}

func startFirst(ctx context.Context, ways []starter, args []string) (*Instance, error) {
	c := credentials{root: rand.Text(), user: rand.Text()}
	var failed error
	for _, start := range ways {
		s, address, err := start(ctx, c, args)
		if errors.Is(err, errAbsent) {
			continue
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		i := &Instance{DSN: dsn(account, c.user, address, database), AdminDSN: dsn("root", c.root, address, database), server: s}
		if err := i.ready(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("start MariaDB: %w", err), i.Stop())
		}
		return i, nil
	}
	if failed != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDatabase, failed)
	}
	return nil, ErrNoDatabase
}

func dsn(user, password, address, database string) string {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = user, password, "tcp", address, database
	return cfg.FormatDSN()
}

// tail is the end of a log: what a person needs to see.
func tail(log []byte) []byte { return log[max(0, len(log)-2000):] }

// Stop ends the server and removes what it kept.
func (i *Instance) Stop() error {
	i.stopOnce.Do(func() { i.stopErr = i.server.stop() })
	return i.stopErr
}

// Logs gives what the server has logged so far.
func (i *Instance) Logs(ctx context.Context) ([]byte, error) { return i.server.logs(ctx) }

// DataFiles gives every file of the data directory by its path: tables, redo and undo
// logs, as the disk holds them now. Recent rows may be in the redo log only.
func (i *Instance) DataFiles(ctx context.Context) (map[string][]byte, error) {
	return i.server.files(ctx)
}

var databaseName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,60}$`)

// Database makes an empty database in the server, dropping one of the same name, and
// gives its DSN for the user epsbench.
func (i *Instance) Database(ctx context.Context, name string) (string, error) {
	if !databaseName.MatchString(name) {
		return "", fmt.Errorf("%q is no name for a test database", name)
	}
	err := i.admin(ctx, "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4",
		"GRANT ALL ON "+name+".* TO "+account+"@'%'")
	if err != nil {
		return "", fmt.Errorf("database %s: %w", name, err)
	}
	cfg, err := mysql.ParseDSN(i.DSN)
	if err != nil {
		return "", errors.New("the instance has no DSN")
	}
	cfg.DBName = name
	return cfg.FormatDSN(), nil
}

// admin runs statements as root.
func (i *Instance) admin(ctx context.Context, statements ...string) (err error) {
	cfg, err := mysql.ParseDSN(i.AdminDSN)
	if err != nil {
		return errors.New("the instance has no DSN")
	}
	cfg.Logger = &mysql.NopLogger{} // while it starts, connections break
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

const startTime = time.Minute

// ready waits until the server takes statements, or else shows what it has logged.
func (i *Instance) ready(ctx context.Context) error {
	err := i.answers(ctx)
	if err != nil {
		log, _ := i.server.logs(ctx)
		err = fmt.Errorf("%w\n%s", err, tail(log))
	}
	return err
}

func (i *Instance) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := i.admin(ctx, "DO 1")
		if err == nil {
			return nil
		}
		if !i.server.alive(ctx) {
			return errors.New("the server ended")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("no answer after %s: %w", startTime, err)
		}
	}
}

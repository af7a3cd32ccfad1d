package docker_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/epsbench/epsbench/docker"
)

// callTime is more than a server that is there takes, and bounds one that is not.
const callTime = time.Second

// absences are what an account without rights of administration meets while a server is away.
var absences = []struct {
	fault         docker.Fault
	reads, writes func(error) bool
}{
	{docker.Stopped, broken, broken},
	{docker.Killed, broken, broken},
	{docker.Silent, late, late},
	{docker.ReadOnly, fine, number(1290)},
	{docker.Full, fine, number(1114)},
	{docker.Cut, broken, broken},
}

func fine(err error) bool { return err == nil }
func late(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// broken holds for connections that are refused, or end.
func broken(err error) bool {
	var op *net.OpError
	return !late(err) && (errors.As(err, &op) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, mysql.ErrInvalidConn))
}

func number(n uint16) func(error) bool {
	return func(err error) bool {
		var e *mysql.MySQLError
		return errors.As(err, &e) && e.Number == n
	}
}

// TestFaults: a server is taken away in each way and comes back with all that it had
// acknowledged, at the same address.
func TestFaults(t *testing.T) {
	ctx := context.Background()
	server, err := docker.FragileMariaDB(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	book := openBook(t, server.DSN)
	able := server.Faults()
	if server.Ref().Container != "" && len(able) != len(absences) {
		t.Errorf("a server in a container can be %v", able)
	}
	for _, a := range absences {
		if !slices.Contains(able, a.fault) { // one without a container
			continue
		}
		mend, err := server.Break(ctx, a.fault)
		if err != nil {
			t.Fatal(err)
		}
		if err := book.read(ctx); !a.reads(err) {
			t.Errorf("%s: a read meets %v", a.fault, err)
		}
		if err := book.fill(ctx); !a.writes(err) {
			t.Errorf("%s: a write meets %v", a.fault, err)
		}
		for range 2 {
			if err := mend(ctx); err != nil {
				t.Fatalf("%s: %v", a.fault, err)
			}
		}
		if err := book.read(ctx); err != nil {
			t.Errorf("%s, and over: %v", a.fault, err)
		}
		if err := book.write(ctx); err != nil {
			t.Errorf("%s, and over: %v", a.fault, err)
		}
	}
	if _, err := server.Break(ctx, "on fire"); !errors.Is(err, docker.ErrNoFault) {
		t.Errorf("an unknown fault: %v", err)
	}
}

// book is a table, and how many of its rows were acknowledged.
type book struct {
	db   *sql.DB
	rows int
}

func openBook(t *testing.T, dsn string) *book {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &book{db: sql.OpenDB(connector)}
	t.Cleanup(func() { _ = b.db.Close() })
	if _, err := b.db.Exec("CREATE TABLE book (line TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := b.write(context.Background()); err != nil {
		t.Fatal(err)
	}
	return b
}

var errLost = errors.New("acknowledged rows are lost")

func (b *book) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var n int
	if err := b.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM book").Scan(&n); err != nil {
		return err
	}
	if n < b.rows {
		return errLost
	}
	return nil
}

func (b *book) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := b.db.ExecContext(ctx, "INSERT INTO book VALUES (?)", strings.Repeat("x", 2000))
	if err == nil {
		b.rows++
	}
	return err
}

// fill writes more than a table has room for in itself.
func (b *book) fill(ctx context.Context) error {
	for range 50 {
		if err := b.write(ctx); err != nil {
			return err
		}
	}
	return nil
}

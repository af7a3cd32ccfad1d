package target

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/docker"
	"github.com/epsbench/epsbench/reference/store/mariadb"
)

// faults are what each outage does to a MariaDB server of the bench's own.
var faults = map[conformance.Outage]docker.Fault{
	conformance.DBStopped: docker.Stopped, conformance.DBKilled: docker.Killed, conformance.DBSilent: docker.Silent,
	conformance.DBReadOnly: docker.ReadOnly, conformance.DBFull: docker.Full, conformance.DBCut: docker.Cut,
}

// mariadbTime bounds what a server waits for from a database that is to go away: shorter
// than in production, so that an outage takes no longer than it must.
const mariadbTime = time.Second

// hurried gives a DSN these bounds. What is none stays as it is.
func hurried(dsn string) string {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return dsn
	}
	c.Timeout, c.ReadTimeout, c.WriteTimeout = mariadbTime, mariadbTime, mariadbTime
	return c.FormatDSN()
}

// openFragileMariaDB starts a server for these databases alone: those of a run's other
// targets stay.
func openFragileMariaDB(ctx context.Context) (*stores, error) {
	s := &stores{driver: "mysql"}
	if err := s.startFragile(ctx); err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
}

// startFragile gives the servers an account that administers nothing, so that read-only
// holds for it.
func (s *stores) startFragile(ctx context.Context) (err error) {
	if s.fragile, err = docker.FragileMariaDB(ctx); err != nil {
		return err
	}
	ref := s.fragile.Ref()
	s.server = &ref
	if s.admin, err = sql.Open(s.driver, s.fragile.AdminDSN); err != nil {
		return err
	}
	for i, name := range databases {
		if s.dsns[i], err = s.fragile.Database(ctx, "epsbench_"+name); err != nil {
			return err
		}
	}
	if s.eps, err = mariadb.OpenEPS(ctx, hurried(s.dsns[0])); err != nil {
		return err
	}
	s.auth, err = mariadb.OpenAuthServer(ctx, hurried(s.dsns[1]))
	return err
}

// mariadbBreakages are all for a server of the bench's own; on somebody else's, which has
// other users, only the tables of the bench can be taken away.
func (s *stores) mariadbBreakages() map[conformance.Outage]breakage {
	all := map[conformance.Outage]breakage{conformance.DBLocked: s.lockTables}
	if s.fragile == nil {
		return all
	}
	for outage, fault := range faults {
		if slices.Contains(s.fragile.Faults(), fault) {
			all[outage] = func(ctx context.Context) (func(context.Context) error, error) { return s.fragile.Break(ctx, fault) }
		}
	}
	return all
}

// lockTables has another client lock every table of both databases against changes, as a
// backup would.
func (s *stores) lockTables(ctx context.Context) (func(context.Context) error, error) {
	var schemas []string
	for _, dsn := range s.dsns {
		c, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, errors.New("the databases have no DSN")
		}
		schemas = append(schemas, c.DBName)
	}
	locks, err := strings1(ctx, s.admin, "SELECT CONCAT(table_schema, '.', table_name, ' READ') FROM information_schema.tables "+
		"WHERE table_schema IN ('"+strings.Join(schemas, "', '")+"')")
	if err != nil {
		return nil, err
	}
	conn, err := s.admin.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "LOCK TABLES "+strings.Join(locks, ", ")); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var once sync.Once
	return func(ctx context.Context) (err error) {
		once.Do(func() {
			_, err = conn.ExecContext(ctx, "UNLOCK TABLES")
			err = errors.Join(err, conn.Close())
		})
		return err
	}, nil
}

package mariadb_test

import (
	"context"
	dbsql "database/sql"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/epsbench/epsbench/docker"
	"github.com/epsbench/epsbench/reference/store/mariadb"
	"github.com/epsbench/epsbench/reference/store/sql"
	"github.com/epsbench/epsbench/reference/store/storetest"
)

// server is the one MariaDB of this process; each test has a database in it.
var server *docker.Instance

func TestMain(m *testing.M) {
	var err error
	if server, err = docker.MariaDB(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var databases atomic.Int32

func newDatabase(t testing.TB) string {
	t.Helper()
	dsn, err := server.Database(context.Background(), fmt.Sprintf("test%d", databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

var engine = storetest.Engine{
	New:            newDatabase,
	OpenEPS:        mariadb.OpenEPS,
	OpenAuthServer: mariadb.OpenAuthServer,
	Config:         mariadb.Config,
	Plan:           plan,
	Analyze:        "ANALYZE TABLE tokens, codes, outbox, audit_records, audit_groups",
}

func TestEPS(t *testing.T)        { storetest.TestEPS(t, engine) }
func TestAuthServer(t *testing.T) { storetest.TestAuthServer(t, engine) }

// plan asks MariaDB; type ALL reads every row, and no key means the same.
func plan(t testing.TB, c sql.Config, query string, args []any) (string, bool) {
	t.Helper()
	rows, err := c.Write.Query("EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var lines []string
	indexed := true
	for rows.Next() {
		var id int
		var kind, table, access, possible, key, length, ref, estimate, extra dbsql.NullString
		if err := rows.Scan(&id, &kind, &table, &access, &possible, &key, &length, &ref, &estimate, &extra); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(table.String, " type=", access.String, " key=", key.String, " rows=", estimate.String, " ", extra.String))
		indexed = indexed && key.Valid && access.String != "ALL"
	}
	return strings.Join(lines, "\n"), indexed && len(lines) > 0
}

func exec(t testing.TB, db interface {
	ExecContext(context.Context, string, ...any) (dbsql.Result, error)
}, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// admin gives a connection pool of root.
func admin(t testing.TB) *dbsql.DB {
	t.Helper()
	db, err := dbsql.Open("mysql", server.AdminDSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

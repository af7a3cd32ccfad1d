package target

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "modernc.org/sqlite" // the driver that dumps read through

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target/fault"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/docker"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/mariadb"
	storesql "github.com/epsbench/epsbench/reference/store/sql"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// prepare starts what all children share: the MariaDB server, where one is asked for.
// Its reference takes the place of the word. The tokens of a library are few, so children
// use them one after the other.
func prepare(ctx context.Context, o run.Options) (run.Options, func(), error) {
	o.Alone = o.HSM != "emulator" && o.HSM != "softhsm"
	if o.Store != "mariadb" {
		return o, nil, nil
	}
	db, err := docker.MariaDB(ctx)
	if err != nil {
		return o, nil, err
	}
	stop := func() { // a server that will not go is swept by the next run
		_ = db.Stop()
		docker.Sweep(context.WithoutCancel(ctx)) // those of children that were killed
	}
	ref, err := json.Marshal(db.Ref())
	if err != nil {
		return o, stop, err
	}
	o.Store = string(ref)
	return o, stop, nil
}

// stores are the databases of the two servers.
type stores struct {
	eps    store.EPS
	auth   store.AuthServer
	driver string      // of database/sql
	dsns   [2]string   // of the EPS and the authentication server, for dumps
	server *docker.Ref // MariaDB that the bench has started
	admin  *sql.DB     // MariaDB: makes and drops the databases
	made   []string    // databases to drop
	// limited are SQLite databases that can be taken away, fragile a MariaDB server.
	limited *limited
	fragile *docker.Fragile
	aborts  fault.Aborts
}

// openStores makes two empty databases: kind is "sqlite", a DSN, or what prepareStore gave.
func openStores(ctx context.Context, kind, dir string) (*stores, error) {
	s := &stores{}
	open := func() error { return s.openMariaDB(ctx, kind) }
	if kind == "sqlite" {
		open = func() error { return s.openSQLite(ctx, filepath.Join(dir, "db")) }
	}
	if err := open(); err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
}

func (s *stores) openSQLite(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s.driver = "sqlite"
	s.dsns = [2]string{filepath.Join(dir, "eps.db"), filepath.Join(dir, "authserver.db")}
	if s.eps, err = sqlite.OpenEPS(ctx, s.dsns[0]); err != nil {
		return err
	}
	c, err := sqlite.Config(ctx, s.dsns[1], "authserver")
	return s.openAuth(ctx, c, err)
}

// openAuth opens the authentication server's database, whose transactions can be aborted.
func (s *stores) openAuth(ctx context.Context, c storesql.Config, err error) error {
	if err == nil {
		s.auth, err = storesql.OpenAuthServer(ctx, s.aborts.In(c))
	}
	return err
}

// Abort has the next n changes of the authentication server's database rolled back.
func (s *system) Abort(n int) { s.stores.aborts.Arm(n) }

// Aborted counts those that were.
func (s *system) Aborted() int { return s.stores.aborts.Done() }

func (s *stores) openMariaDB(ctx context.Context, kind string) error {
	admin := kind
	if strings.HasPrefix(kind, "{") {
		var ref docker.Ref
		if err := json.Unmarshal([]byte(kind), &ref); err != nil {
			return fmt.Errorf("reference of a MariaDB server: %w", err)
		}
		s.server = &ref
		admin = ref.AdminDSN
	}
	c, err := mysql.ParseDSN(admin)
	if err != nil {
		return &reference.Hint{Err: errors.New("--store is neither sqlite, mariadb, nor a DSN"), Text: "a DSN looks like: user:password@tcp(host:3306)/"}
	}
	c.DBName = ""
	s.driver = "mysql"
	if s.admin, err = sql.Open(s.driver, c.FormatDSN()); err != nil {
		return err
	}
	run := rand.Text()[:10]
	for i, name := range databases {
		c.DBName = "epsbench_" + run + "_" + name
		if _, err := s.admin.ExecContext(ctx, "CREATE DATABASE "+c.DBName+" CHARACTER SET utf8mb4"); err != nil {
			return &reference.Hint{Err: fmt.Errorf("MariaDB: %w", err), Text: "is the server there, and may the account of --store create databases named epsbench_*?"}
		}
		s.made = append(s.made, c.DBName)
		s.dsns[i] = c.FormatDSN()
	}
	if s.eps, err = mariadb.OpenEPS(ctx, s.dsns[0]); err != nil {
		return err
	}
	auth, err := mariadb.Config(ctx, s.dsns[1], "authserver")
	return s.openAuth(ctx, auth, err)
}

// reopen opens the database of one server, which is there already.
func (s *stores) reopen(ctx context.Context, server string) (err error) {
	switch i := slices.Index(databases, server); s.driver + " " + server {
	case "sqlite eps":
		s.eps, err = sqlite.OpenEPS(ctx, s.dsns[i])
	case "sqlite authserver":
		s.auth, err = sqlite.OpenAuthServer(ctx, s.dsns[i])
	case "mysql eps":
		s.eps, err = mariadb.OpenEPS(ctx, s.dsns[i])
	case "mysql authserver":
		s.auth, err = mariadb.OpenAuthServer(ctx, s.dsns[i])
	}
	return err
}

// close closes the databases and leaves them where they are.
func (s *stores) close() error {
	var err error
	if s.eps != nil {
		err = errors.Join(err, s.eps.Close())
	}
	if s.auth != nil {
		err = errors.Join(err, s.auth.Close())
	}
	s.eps, s.auth = nil, nil
	return err
}

// drop closes the databases and removes those of a server.
func (s *stores) drop(ctx context.Context) error {
	err := s.close()
	for _, name := range s.made {
		_, e := s.admin.ExecContext(ctx, "DROP DATABASE "+name)
		err = errors.Join(err, e)
	}
	if s.admin != nil {
		err = errors.Join(err, s.admin.Close())
	}
	if s.fragile != nil {
		err = errors.Join(err, s.fragile.Stop())
	}
	return err
}

// listTables finds the tables of one database.
var listTables = map[string]string{
	"sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
	"mysql":  "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name",
}

// Dump gives every table of both databases.
func (s *system) Dump(ctx context.Context) ([]conformance.Table, error) {
	var all []conformance.Table
	for i, name := range databases {
		tables, err := dump(ctx, s.stores.driver, s.stores.dsns[i], name)
		if err != nil {
			return nil, fmt.Errorf("dump of the %s database: %w", name, err)
		}
		all = append(all, tables...)
	}
	return all, nil
}

func dump(ctx context.Context, driver, dsn, database string) (tables []conformance.Table, err error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	names, err := strings1(ctx, db, listTables[driver])
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		t, err := dumpTable(ctx, db, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t.Database = database
		tables = append(tables, t)
	}
	return tables, nil
}

// strings1 reads the one column of a query.
func strings1(ctx context.Context, db *sql.DB, query string) (out []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// dumpTable reads a table whose name the database has given.
func dumpTable(ctx context.Context, db *sql.DB, name string) (t conformance.Table, err error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+name)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	t.Name = name
	if t.Columns, err = rows.Columns(); err != nil {
		return t, err
	}
	for rows.Next() {
		raw := make([]sql.RawBytes, len(t.Columns))
		into := make([]any, len(raw))
		for i := range raw {
			into[i] = &raw[i]
		}
		if err := rows.Scan(into...); err != nil {
			return t, err
		}
		row := make([][]byte, len(raw))
		for i, b := range raw {
			if b != nil {
				row[i] = append([]byte{}, b...)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t, rows.Err()
}

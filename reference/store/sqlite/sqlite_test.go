package sqlite_test

import (
	"context"
	dbsql "database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
	"github.com/epsbench/epsbench/reference/store/sqlite"
	"github.com/epsbench/epsbench/reference/store/storetest"
)

var engine = storetest.Engine{
	New:            func(t testing.TB) string { return filepath.Join(t.TempDir(), "it's a ?path%20#1.db") },
	OpenEPS:        sqlite.OpenEPS,
	OpenAuthServer: sqlite.OpenAuthServer,
	Config:         sqlite.Config,
	Plan:           plan,
	Analyze:        "ANALYZE",
}

func TestEPS(t *testing.T)        { storetest.TestEPS(t, engine) }
func TestAuthServer(t *testing.T) { storetest.TestAuthServer(t, engine) }

// plan asks SQLite, which says SCAN … USING INDEX where it walks along an index.
func plan(t testing.TB, c sql.Config, query string, args []any) (string, bool) {
	t.Helper()
	rows, err := c.Read.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var lines []string
	indexed := true
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, detail)
		touches := strings.HasPrefix(detail, "SCAN") || strings.HasPrefix(detail, "SEARCH")
		indexed = indexed && (!touches || strings.Contains(detail, "USING"))
	}
	return strings.Join(lines, "\n"), indexed && len(lines) > 0
}

// TestDurability: the settings without which a commit could be lost hold on every
// connection, and only the owner can read the files.
func TestDurability(t *testing.T) {
	path := engine.New(t)
	c, err := sqlite.Config(context.Background(), path, "eps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = c.Write.Close(), c.Read.Close() }()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		for _, pool := range []*dbsql.DB{c.Write, c.Read} {
			var got string
			if err := pool.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v", pragma, got, err)
			}
		}
	}
	if _, err := c.Read.Exec("CREATE TABLE t (x)"); err == nil {
		t.Error("the pool that reads can write")
	}
	for _, suffix := range []string{"", "-wal"} {
		if f, err := os.Stat(path + suffix); err != nil || f.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", suffix, f.Mode(), err)
		}
	}
}

// TestBusy: while another process holds the write lock longer than SQLite waits, a
// change is tried again, and made when the lock is free.
func TestBusy(t *testing.T) {
	ctx := context.Background()
	path := engine.New(t)
	st, err := sqlite.OpenEPS(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	c, err := sqlite.Config(ctx, path, "eps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = c.Write.Close(), c.Read.Close() }()
	other, err := c.Write.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		done <- st.Update(ctx, func(tx store.Tx) error {
			return tx.PutKey(store.WrappedKey{Name: "DBK", Version: 1})
		})
	}()
	// The other process waits as long itself, and fails: by then the change has too.
	second, err := c.Write.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.ExecContext(ctx, "BEGIN IMMEDIATE"); err == nil {
		t.Fatal("two processes have the write lock")
	}
	if _, err := other.ExecContext(ctx, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestBadPath tells what is wrong with a path that cannot be a database.
func TestBadPath(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "no", "such", "dir"), text} {
		if _, err := sqlite.OpenEPS(context.Background(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Whoever copies the file of an EPS that has ended copies all of it.
func TestACloseLeavesOneWholeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "eps.db")
	s, err := sqlite.OpenEPS(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		t.Errorf("%d bytes are left in the log", info.Size())
	}
}

package mariadb_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/epsbench/epsbench/docker"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/mariadb"
	"github.com/epsbench/epsbench/reference/store/sql"
)

// TestRefusesWeakDurability: a server that would lose commits in a crash is refused,
// with the setting and what to do.
func TestRefusesWeakDurability(t *testing.T) {
	root := admin(t)
	dsn := newDatabase(t)
	exec(t, root, "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
	_, err := mariadb.OpenEPS(context.Background(), dsn)
	exec(t, root, "SET GLOBAL innodb_flush_log_at_trx_commit = 1")
	if !errors.Is(err, mariadb.ErrSettings) || !strings.Contains(err.Error(), `innodb_flush_log_at_trx_commit is "2"`) {
		t.Errorf("opened with %v", err)
	}
	st, err := mariadb.OpenEPS(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	_ = st.Close()
}

// TestSessions: every connection of the store has the settings it relies on.
func TestSessions(t *testing.T) {
	c, err := mariadb.Config(context.Background(), newDatabase(t)+"?clientFoundRows=true&interpolateParams=true&multiStatements=true", "eps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = c.Write.Close(), c.Read.Close() }()
	for query, want := range map[string]string{
		"SELECT @@tx_isolation":                        "READ-COMMITTED",
		"SELECT @@time_zone":                           "+00:00",
		"SELECT @@sql_mode LIKE '%STRICT_ALL_TABLES%'": "1",
	} {
		var got string
		if err := c.Write.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v", query, got, err)
		}
	}
	exec(t, c.Write, "CREATE TABLE t (x INT)", "INSERT INTO t VALUES (1)")
	r, err := c.Write.Exec("UPDATE t SET x = ? WHERE x = ?", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.RowsAffected(); n != 0 || err != nil {
		t.Errorf("an update that changed nothing affects %d rows, %v", n, err)
	}
	if _, err := c.Write.Exec("DO 1; DO 2"); err == nil {
		t.Error("two statements in one were taken")
	}
}

// TestMigrationsTakeTheirTime: a statement of a migration may take longer than one of a
// server, which is given up.
func TestMigrationsTakeTheirTime(t *testing.T) {
	ctx := context.Background()
	c, err := mariadb.Config(ctx, newDatabase(t)+"?readTimeout=200ms", "eps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = c.Write.Close(), c.Read.Close() }()
	const slow = "DO SLEEP(0.5)"
	c.Migrations = fstest.MapFS{"00001_slow.sql": {Data: []byte("-- +goose Up\n" + slow + ";\n")}}
	if have, err := sql.Migrate(ctx, c, 1); have != 1 || err != nil {
		t.Errorf("a slow migration ends at version %d: %v", have, err)
	}
	if _, err := c.Write.ExecContext(ctx, slow); err == nil {
		t.Error("a slow statement of a server is waited for")
	}
}

// TestPasswordStaysOut: no error and no information repeats the password.
func TestPasswordStaysOut(t *testing.T) {
	const secret = "pa:s@s/w?o=r%zd"
	_, address, _ := strings.Cut(newDatabase(t), "@")
	for _, dsn := range []string{
		"epsbench:" + secret + "@" + address, // a wrong password
		"epsbench:" + secret + "@tcp(127.0.0.1:1)/epsbench",
		"epsbench:" + secret + "@tcp(127.0.0.1:1)",
		"epsbench:" + secret, secret, "epsbench:" + secret + "@tcp(127.0.0.1:1)/epsbench?timeout=" + secret,
		"epsbench:" + secret + "@" + address + "x?parseTime=true",
	} {
		_, err := mariadb.OpenEPS(context.Background(), dsn)
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "pa:s") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
	dsn := newDatabase(t)
	st, err := mariadb.OpenEPS(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	info, err := st.Info(context.Background())
	password, _, _ := strings.Cut(strings.TrimPrefix(dsn, "epsbench:"), "@")
	if err != nil || strings.Contains(info.DSN, password) || !strings.Contains(info.Version, "MariaDB") {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestUnreachable tells that trying again may help.
func TestUnreachable(t *testing.T) {
	_, err := mariadb.OpenEPS(context.Background(), "u:p@tcp(127.0.0.1:1)/db")
	if !errors.Is(err, reference.ErrUnavailable) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("%v", err)
	}
}

// TestGalera: on a node of a cluster reads wait for what other nodes acknowledged, and a
// binary log that is not synced is refused.
func TestGalera(t *testing.T) {
	ctx := context.Background()
	cluster := []string{"--wsrep-on=ON", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so", "--wsrep-cluster-address=gcomm://",
		"--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--log-bin", "--sync-binlog=1"}
	node, err := docker.MariaDB(ctx, cluster...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Stop() }()
	st, err := mariadb.OpenEPS(ctx, node.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	err = st.Update(ctx, func(tx store.Tx) error { return tx.PutKey(store.WrappedKey{Name: "DBK", Version: 1}) })
	if err != nil {
		t.Error(err)
	}
	c, err := mariadb.Config(ctx, node.DSN, "eps")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = c.Write.Close(), c.Read.Close() }()
	var wait string
	if err := c.Read.QueryRow("SELECT @@wsrep_sync_wait").Scan(&wait); err != nil || wait != "1" {
		t.Errorf("wsrep_sync_wait is %q, %v", wait, err)
	}
}

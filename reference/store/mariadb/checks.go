package mariadb

import (
	"context"
	dbsql "database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/epsbench/epsbench/reference"
)

// ErrSettings is a server that could lose, or hide, what it acknowledged.
var ErrSettings = errors.New("the MariaDB server is not set up for this store")

// settings are variables and status of a server, by name in small letters.
type settings map[string]string

// checks is what a server must be like. Sources: MariaDB documentation of each variable.
var checks = []struct {
	name string
	when func(settings) bool
	good func(string) bool
	hint string
}{
	{"version", always, recent, "MariaDB 10.6 or newer is needed"},
	{"innodb_flush_log_at_trx_commit", always, is("1"), "a crash would lose commits; set it to 1"},
	{"sync_binlog", on("log_bin"), is("1"), "a crash would lose the binary log's last commits; set it to 1, or log_bin off"},
	{"wsrep_local_state_comment", on("wsrep_on"), is("Synced"), "the node is not in step with its cluster; wait for Synced, or use another node"},
	{"wsrep_cluster_status", on("wsrep_on"), is("Primary"), "the node is cut off from the majority of its cluster; use another node"},
}

func always(settings) bool { return true }

func on(name string) func(settings) bool {
	return func(s settings) bool { return s[name] == "ON" || s[name] == "1" }
}

func is(want string) func(string) bool {
	return func(have string) bool { return have == want }
}

// recent wants 10.6 or newer, as in "10.11.18-MariaDB-0+deb12u1".
func recent(version string) bool {
	if !strings.Contains(version, "MariaDB") {
		return false
	}
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (major > 10 || major == 10 && minor >= 6)
}

// judge gives one line for each setting that will not do.
func judge(s settings) error {
	var wrong []string
	for _, c := range checks {
		if c.when(s) && !c.good(s[c.name]) {
			wrong = append(wrong, fmt.Sprintf("%s is %q: %s", c.name, s[c.name], c.hint))
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrSettings, strings.Join(wrong, "; "))
}

// inspect checks the server behind a DSN and says whether it is part of a Galera cluster.
func inspect(ctx context.Context, cfg *mysql.Config) (galera bool, err error) {
	db, err := pool(cfg, "REPEATABLE-READ")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := read(ctx, db)
	if err != nil {
		return false, fmt.Errorf("connect to %s: %w: %w", location(cfg), reference.ErrUnavailable, err)
	}
	if err := judge(s); err != nil {
		return false, fmt.Errorf("connect to %s: %w", location(cfg), err)
	}
	return on("wsrep_on")(s), nil
}

// read asks for what checks look at; SHOW needs no privilege, and answers on a node
// that refuses SELECT.
func read(ctx context.Context, db *dbsql.DB) (settings, error) {
	s := settings{}
	for _, query := range []string{
		"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'wsrep_on')",
		"SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_local_state_comment', 'wsrep_cluster_status')",
	} {
		if err := s.add(ctx, db, query); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s settings) add(ctx context.Context, db *dbsql.DB, query string) (err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		s[strings.ToLower(name)] = value
	}
	return rows.Err()
}

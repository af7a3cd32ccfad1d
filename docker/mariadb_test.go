package docker_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"github.com/epsbench/epsbench/docker"
)

// One server serves many tests, each with a database of its own; what is written is
// found in the data files, so a search for secrets in them can be trusted.
func TestMariaDB(t *testing.T) {
	ctx := context.Background()
	server, err := docker.MariaDB(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, name := range []string{"first", "second"} {
		dsn, err := server.Database(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dsn, "canary of "+name)
	}
	files, err := server.DataFiles(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"canary of first", "canary of second"} {
		if !found(files, want) {
			t.Errorf("%q is in none of %d data files", want, len(files))
		}
	}
	if found(files, "canary of nothing") {
		t.Error("found what was never written")
	}
	logs, err := server.Logs(ctx)
	if err != nil || !strings.Contains(string(logs), "ready for connections") {
		t.Errorf("logs: %v: %.200s", err, logs)
	}
	if _, err := server.Database(ctx, "x; DROP DATABASE first"); err == nil {
		t.Error("a name that is none was taken")
	}
}

func write(t *testing.T, dsn, value string) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range []string{"CREATE TABLE t (v VARCHAR(100))", "INSERT INTO t VALUES ('" + value + "')"} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func found(files map[string][]byte, what string) bool {
	for _, b := range files {
		if bytes.Contains(b, []byte(what)) {
			return true
		}
	}
	return false
}

// TestStrays: the container of a process that was killed is removed by the next start.
func TestStrays(t *testing.T) {
	if os.Getenv("EPSBENCH_TEST_STRAY") != "" {
		if _, err := docker.MariaDB(context.Background()); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestStrays$")
	child.Env = append(os.Environ(), "EPSBENCH_TEST_STRAY=yes")
	if err := child.Run(); err == nil {
		t.Fatal("the child was not killed")
	}
	server, err := docker.MariaDB(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	out, err := exec.Command("docker", "ps", "--all", "--quiet",
		"--filter", fmt.Sprintf("label=epsbench.owner-pid=%d", child.Process.Pid)).Output()
	if err == nil && len(out) > 0 {
		t.Errorf("left behind: %s", out)
	}
}

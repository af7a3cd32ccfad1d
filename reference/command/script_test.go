package command_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/epsbench/epsbench/docker"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/command"
)

// The scripts in testdata run eps as processes of their own, on real SoftHSMv2
// tokens. Beside eps they use the small programs below.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"eps":   eps,
		"call":  call,
		"field": field,
		"code":  code,
		"ready": ready,
		"hold":  hold,
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"env-from": envFrom, "sql": sqlite, "mariadb": mariadb},
	})
}

// envFrom sets a variable to the content of a file: env-from NAME FILE.
func envFrom(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// sqlite changes a database behind the EPS's back: sql FILE STATEMENT.
func sqlite(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}

// mariadb starts a server with databases, names its address in a variable and its
// password in the file password: mariadb VARIABLE DATABASE…
func mariadb(ts *testscript.TestScript, _ bool, args []string) {
	ctx := context.Background()
	server, err := docker.MariaDB(ctx)
	ts.Check(err)
	ts.Defer(func() { ts.Check(server.Stop()) })
	dsn, err := mysql.ParseDSN(server.DSN)
	ts.Check(err)
	for _, database := range args[1:] {
		_, err := server.Database(ctx, database)
		ts.Check(err)
	}
	ts.Setenv(args[0], dsn.Net+"("+dsn.Addr+")")
	ts.Check(os.WriteFile(ts.MkAbs("password"), []byte(dsn.Passwd), 0o600))
}

// setup gives each script two tokens and four free addresses.
func setup(e *testscript.Env) error {
	tokens := filepath.Join(e.WorkDir, "tokens")
	conf := filepath.Join(e.WorkDir, "softhsm2.conf")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600); err != nil {
		return err
	}
	for label, pin := range map[string]string{"eps": "1234", "authserver": "5678"} {
		c := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "00000000", "--pin", pin)
		c.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	e.Setenv("SOFTHSM2_CONF", conf)
	e.Setenv("MODULE", "/usr/lib/softhsm/libsofthsm2.so")
	e.Setenv("EPS_PIN", "1234")
	e.Setenv("EPSAUTH_PIN", "5678")
	return addresses(e, "BANK", "PUBLIC", "PLUGIN", "AUTH")
}

// addresses reserves ports by listening on all of them at once.
func addresses(e *testscript.Env, names ...string) error {
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		e.Setenv(name, l.Addr().String())
	}
	return nil
}

// eps is the command itself.
func eps() {
	p := command.Program{Name: "eps", Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}
	os.Exit(p.Run(command.UntilSignalled(), os.Args[1:]))
}

// call plays a bank: call NAME METHOD URL [BODY] under the certificate NAME of
// pki/, "-" for none. {{FILE}} in the body stands for the content of FILE.
func call() {
	client, err := pki.Client("pki/ca.pem", certificateOf(os.Args[1], ".pem"), certificateOf(os.Args[1], ".key"))
	must(err)
	var body io.Reader
	if len(os.Args) > 4 {
		body = strings.NewReader(filled(os.Args[4]))
	}
	r, err := http.NewRequest(os.Args[2], os.Args[3], body)
	must(err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	must(err)
	data, err := io.ReadAll(resp.Body)
	must(err)
	fmt.Println(string(data))
	fmt.Fprintln(os.Stderr, resp.StatusCode)
}

func certificateOf(name, extension string) string {
	if name == "-" {
		return ""
	}
	return "pki/" + name + extension
}

func filled(text string) string {
	return regexp.MustCompile(`\{\{(.*?)\}\}`).ReplaceAllStringFunc(text, func(name string) string {
		data, err := os.ReadFile(strings.Trim(name, "{}"))
		must(err)
		return strings.TrimSpace(string(data))
	})
}

// field prints a member of a JSON object: field NAME FILE.
func field() {
	data, err := os.ReadFile(os.Args[2])
	must(err)
	var object map[string]any
	must(json.Unmarshal(data, &object))
	fmt.Println(object[os.Args[1]])
}

// code runs a command and expects an exit code: code N COMMAND…
func code() {
	want, err := strconv.Atoi(os.Args[1])
	must(err)
	c := exec.Command(os.Args[2], os.Args[3:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Run(); c.ProcessState == nil {
		must(err)
	}
	if got := c.ProcessState.ExitCode(); got != want {
		must(fmt.Errorf("exit code %d, not %d", got, want))
	}
}

// hold has an address until it is told to end.
func hold() {
	l, err := net.Listen("tcp", os.Args[1])
	must(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

// ready returns when all the addresses take connections.
func ready() {
	deadline := time.Now().Add(30 * time.Second)
	for _, address := range os.Args[1:] {
		for {
			c, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				c.Close()
				break
			}
			if time.Now().After(deadline) {
				must(err)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestHelpNeedsNothing(t *testing.T) {
	var out bytes.Buffer
	p := command.Program{Name: "epsbench eps", Stdin: &out, Stdout: &out, Stderr: &out}
	if code := p.Run(t.Context(), []string{"--help"}); code != 0 || !strings.Contains(out.String(), "Usage: epsbench eps <command>") {
		t.Errorf("exit code %d, %s", code, &out)
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/epsbench/epsbench/reference/api/pki"
)

// TestStopping: what a stop does to calls under way, on the two servers as they are
// shipped. The authentication server goes last, as in an orderly stop of both.
func TestStopping(t *testing.T) {
	b := build(t)
	b.pair()
	auth := b.serve("authserver", "serve")
	eps := b.serve("serve")
	t.Run("one enrolment has one trace id in both logs, and no secret", func(t *testing.T) { b.traced(t, eps, auth) })
	t.Run("eps", func(t *testing.T) {
		answered := b.stoppedUnderLoad(t, eps, "bank-issuer", "https://"+eps.address["bank"]+"/v1/tokens", http.StatusCreated)
		out, err := b.command(b.eps, "audit", "verify").CombinedOutput()
		b.check(err)
		t.Logf("%d enrolments; %s", answered, out)
	})
	t.Run("the next eps, while a call hangs, within its bound", func(t *testing.T) {
		eps := b.serve("serve", "EPS_LIMITS_SHUTDOWN=1s")
		defer b.hang(eps.address["public"]).Close()
		eps.signal(t)
		if code := eps.wait(t, 10*time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if !strings.Contains(eps.log(t), "calls under way were cut off") {
			t.Error("the log does not say that a call was cut off")
		}
	})
	t.Run("at a second signal, at once", func(t *testing.T) {
		eps := b.serve("serve", "EPS_LIMITS_SHUTDOWN=10m")
		defer b.hang(eps.address["public"]).Close()
		eps.signal(t)
		refused(t, eps.address["bank"])
		eps.signal(t)
		if code := eps.wait(t, 10*time.Second); code != 128+int(syscall.SIGTERM) {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("authserver", func(t *testing.T) {
		b.stoppedUnderLoad(t, auth, "bank-validator", "https://"+auth.address["auth"]+"/v1/validate", http.StatusOK)
	})
}

// pair makes an EPS and its authentication server on two SoftHSM tokens.
func (b *bench) pair() {
	b.t.Helper()
	b.token("eps", "1234")
	b.token("authserver", "5678")
	b.run(b.eps, "init", "--module", module, "--label", "eps", "--pin-env", "EPS_PIN", "--rsa-bits", "2048",
		"--bank", "127.0.0.1:0", "--public", "127.0.0.1:0", "--authserver", "https://"+b.plugin())
	b.run(b.eps, "authserver", "init", "--module", module, "--label", "authserver", "--pin-env", "EPSAUTH_PIN", "--rsa-bits", "2048",
		"--plugin", b.plugin(), "--auth", "127.0.0.1:0")
	c := b.command(b.eps, "authserver", "pair")
	c.Stdin = strings.NewReader("yes\n")
	text, err := c.CombinedOutput()
	if err != nil {
		b.t.Fatalf("pair: %v: %s", err, text)
	}
}

// plugin is the one address that both configurations have to name.
func (b *bench) plugin() string {
	if b.free == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		b.check(err)
		defer l.Close()
		b.free = l.Addr().String()
	}
	return b.free
}

// process is a server that runs.
type process struct {
	*exec.Cmd
	address map[string]string // by listener
	stderr  string            // file
	ended   chan struct{}
}

// serve starts a server and reads where it listens. Words with = are variables.
func (b *bench) serve(args ...string) *process {
	b.t.Helper()
	p := &process{address: map[string]string{}, ended: make(chan struct{})}
	p.Cmd = b.command(b.eps)
	for _, a := range args {
		if strings.Contains(a, "=") {
			p.Env = append(p.Env, a)
			continue
		}
		p.Args = append(p.Args, a)
	}
	log, err := os.CreateTemp(b.dir, "log-")
	b.check(err)
	defer log.Close()
	p.Stderr, p.stderr = log, log.Name()
	out, err := p.StdoutPipe()
	b.check(err)
	b.check(p.Start())
	b.t.Cleanup(func() { p.Process.Kill(); <-p.ended }) //nolint:errcheck // it may have ended
	for lines := bufio.NewScanner(out); p.address["operations"] == ""; {
		if !lines.Scan() {
			close(p.ended)
			b.t.Fatalf("%v: %v\n%s", args, p.Wait(), p.log(b.t))
		}
		name, address, _ := strings.Cut(lines.Text(), " ")
		p.address[name] = strings.TrimSpace(address)
	}
	go func() { _ = p.Wait(); close(p.ended) }()
	return p
}

func (p *process) signal(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// wait gives the exit code.
func (p *process) wait(t *testing.T, patience time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("it goes on for more than %v after the signal", patience)
		return -1
	}
}

func (p *process) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.stderr)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hang opens a connection and sends half of a request.
func (b *bench) hang(address string) net.Conn {
	b.t.Helper()
	roots, err := pki.Client(filepath.Join(b.dir, "pki", "ca.pem"), "", "")
	b.check(err)
	c, err := tls.Dial("tcp", address, roots.Transport.(*http.Transport).TLSClientConfig)
	b.check(err)
	_, err = io.WriteString(c, "POST /mpp/v2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cbor\r\nContent-Length: 10\r\n\r\n")
	b.check(err)
	return c
}

// refused returns when an address takes no connections any more.
func refused(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		c.Close()
	}
	t.Fatalf("%s still takes connections", address)
}

// traced enrols and looks for the call in both logs.
func (b *bench) traced(t *testing.T, eps, auth *process) {
	client := b.client("bank-issuer")
	answer, err := client.Post("https://"+eps.address["bank"]+"/v1/tokens", "application/json", strings.NewReader(`{"service":"shop","user":"alice"}`))
	b.check(err)
	defer answer.Body.Close()
	var made struct {
		Token, PIN string
		Code       string `json:"registration_code"`
	}
	b.check(json.NewDecoder(answer.Body).Decode(&made))
	id := traceOf(t, eps.log(t), `"route":"/v1/tokens"`)
	if other := traceOf(t, auth.log(t), made.Token); id != other || len(id) != 32 {
		t.Errorf("trace id %q at the EPS, %q at the authentication server", id, other)
	}
	_, digits, _ := strings.Cut(made.Code, "-")
	for name, log := range map[string]string{"eps": eps.log(t), "authserver": auth.log(t)} {
		if strings.Contains(log, digits) || strings.Contains(log, `"`+made.PIN+`"`) {
			t.Errorf("the log of %s has a secret of the enrolment: %s", name, log)
		}
	}
}

// traceOf is the trace id of the only line that has a text.
func traceOf(t *testing.T, log, text string) (id string) {
	t.Helper()
	for _, line := range strings.Split(log, "\n") {
		if !strings.Contains(line, text) {
			continue
		}
		var members struct{ TraceID string }
		if err := json.Unmarshal([]byte(line), &members); err != nil || id != "" {
			t.Fatalf("a second line, or one that is not JSON: %s", line)
		}
		id = members.TraceID
	}
	return id
}

func (b *bench) client(name string) *http.Client {
	b.t.Helper()
	in := func(file string) string { return filepath.Join(b.dir, "pki", file) }
	c, err := pki.Client(in("ca.pem"), in(name+".pem"), in(name+".key"))
	b.check(err)
	c.Transport.(*http.Transport).DisableKeepAlives = true // each call is a connection: taken and answered, or refused
	return c
}

// stoppedUnderLoad sends SIGTERM to a server while callers ask as fast as they can. A
// call whose request has left must be answered in full; others find no connection.
func (b *bench) stoppedUnderLoad(t *testing.T, p *process, who, url string, want int) int64 {
	t.Helper()
	const callers, before = 8, 20
	var answered atomic.Int64
	client := b.client(who)
	signalled := make(chan struct{})
	var group errgroup.Group
	for caller := range callers {
		group.Go(func() error {
			for n := 0; ; n++ {
				body := fmt.Sprintf(`{"service":"shop","user":"user-%d-%d"%s}`, caller, n, map[string]string{"bank-validator": `,"otp":"000000"`}[who])
				status, sent, err := call(client, url, body)
				switch {
				case err == nil && status == want:
					if answered.Add(1) == before {
						close(signalled)
						if err := p.Process.Signal(syscall.SIGTERM); err != nil {
							return err
						}
					}
				case err == nil:
					return fmt.Errorf("status %d", status)
				case sent:
					return fmt.Errorf("a call was cut off: %w", err)
				case !isClosed(signalled):
					return fmt.Errorf("before the signal: %w", err)
				default:
					return nil
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if code := p.wait(t, 30*time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.log(t))
	}
	return answered.Load()
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// call posts a body and reads the whole answer. sent: the request has left.
func call(client *http.Client, url, body string) (status int, sent bool, err error) {
	var wrote atomic.Bool // by another goroutine
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		// HTTP/2 tells which calls a server that ends has not taken; those begin anew.
		GetConn:      func(string) { wrote.Store(false) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { wrote.Store(i.Err == nil) },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, false, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return 0, wrote.Load(), err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, true, err
}

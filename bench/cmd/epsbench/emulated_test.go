package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/config"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// canary is the value of a key.
const canary = "canary-value-824"

// emulated FILE is a program with an emulator, which calls as often as each line of its input
// says, or makes a key if it says "key", and tells the last answer.
func emulated() {
	try := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	c, err := config.Load(os.Args[1])
	try(err)
	m, err := c.Open(os.LookupEnv)
	try(err)
	try(m.Initialize())
	s, err := m.OpenSession(7, pkcs11.CKF_SERIAL_SESSION)
	try(err)
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println(cryptoki.ReturnName(err)) {
		if in.Text() == "key" {
			_, err = m.CreateObject(s, []*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
				pkcs11.NewAttribute(pkcs11.CKA_VALUE, canary), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false),
			})
		}
		n, _ := strconv.Atoi(in.Text())
		for range n {
			_, err = m.GenerateRandom(s, 8)
		}
	}
	try(m.Finalize())
}

// process is one that says lines.
type process struct {
	t *testing.T
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// begin starts this test binary as one of the commands of TestMain.
func begin(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, Cmd: exec.CommandContext(t.Context(), self)}
	p.Args, p.Env, p.Stderr = args, append(os.Environ(), "TEST_PIN=123456"), os.Stderr
	p.in, _ = p.StdinPipe()
	out, _ := p.StdoutPipe()
	p.out = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// says reads until a line that has the words, and gives all.
func (p *process) says(words string) string {
	p.t.Helper()
	var all strings.Builder
	for p.out.Scan() {
		fmt.Fprintln(&all, p.out.Text())
		if strings.Contains(p.out.Text(), words) {
			return all.String()
		}
	}
	p.t.Fatalf("%s does not say %q but:\n%s", p.Args[0], words, &all)
	return ""
}

// calls has an emulated program call n times, or make a "key", the last with this answer.
func (p *process) calls(n any, answer string) {
	p.t.Helper()
	fmt.Fprintln(p.in, n)
	if got := strings.TrimSpace(p.says("CKR_")); got != answer {
		p.t.Errorf("the program gets %s, want %s", got, answer)
	}
}

func (p *process) ends() {
	p.t.Helper()
	if err := p.Wait(); err != nil {
		p.t.Errorf("%s: %v", p.Args[0], err)
	}
}

// socketDir gives a directory whose path is short: a socket's is limited.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// watched starts a program, and gives its socket.
func watched(t *testing.T, dir string) (*process, string) {
	t.Helper()
	file, socket := filepath.Join(dir, "epsemu.yaml"), filepath.Join(dir, "socket")
	text := "format: epsbench.emulator/1\nbackend: {token: memory}\nslots: [{id: 7, label: eps, so_pin: {env: TEST_PIN}, pin: {env: TEST_PIN}}]\ncontrol: {socket: " + socket + ", unsafe_needles: true}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, "emulated", file)
	p.says("ready")
	return p, socket
}

// answering is a socket of somebody who says a text to each, and leaves.
func answering(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(socketDir(t), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, text)
			c.(*net.UnixConn).CloseWrite()
			go func() {
				io.Copy(io.Discard, c) // what it says must not fail
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/config"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// emulated FILE is a program with an emulator, which calls as often as each line of its input
// says, and tells the last answer.
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

// calls has an emulated program call n times, the last with this answer.
func (p *process) calls(n int, answer string) {
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
	text := "format: epsbench.emulator/1\nbackend: {token: memory}\nslots: [{id: 7, label: eps, so_pin: {env: TEST_PIN}, pin: {env: TEST_PIN}}]\ncontrol: {socket: " + socket + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, "emulated", file)
	p.says("ready")
	return p, socket
}

// What is shown is what the file has, and the end of the program is the end.
func TestWatchShowsAndKeepsCalls(t *testing.T) {
	p, socket := watched(t, socketDir(t))
	file := filepath.Join(t.TempDir(), "calls.jsonl")
	w, other := begin(t, "epsbench", "watch", socket, "--out", file), begin(t, "epsbench", "watch", socket, "--summary")
	w.says("time (UTC)")
	other.says("watching process " + strconv.Itoa(p.Process.Pid))
	p.calls(2, "CKR_OK")
	p.in.Close()
	shown := w.says("the program has ended")
	if !regexp.MustCompile(`: 3 calls seen → `+file).MatchString(shown) || strings.Count(shown, "C_GenerateRandom     CKR_OK  out 8\n") != 2 {
		t.Errorf("shown is\n%s", shown)
	}
	other.says("C_GenerateRandom      2       0")
	w.ends()
	other.ends()
	p.ends()
	var again, fails bytes.Buffer
	if code := epsbench(registry(), []string{"trace", file}, &again, &fails); code != 0 || !strings.Contains(shown, again.String()[strings.Index(again.String(), "\n")+1:]) {
		t.Errorf("trace ends with %d, and shows\n%s%s where watch has shown\n%s", code, &again, &fails, shown)
	}
}

// A scenario strikes while somebody watches, however that ends.
func TestWatchHasCallsFail(t *testing.T) {
	scenario := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(scenario, []byte("name: x\nabout: y\nrules: [{when: {function: [C_GenerateRandom]}, then: {return: CKR_DEVICE_ERROR}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for how, by := range map[string]os.Signal{"at Ctrl-C": os.Interrupt, "at SIGTERM": syscall.SIGTERM, "when it is killed": os.Kill} {
		t.Run(how, func(t *testing.T) {
			p, socket := watched(t, socketDir(t))
			p.calls(1, "CKR_OK")
			w := begin(t, "epsbench", "watch", socket, "--fault", scenario, "--seed", "7")
			w.says(" · fault " + scenario + " · seed 7")
			p.calls(2, "CKR_DEVICE_ERROR")
			w.Process.Signal(by)
			if by != os.Kill {
				if end := w.says("interrupted after"); !strings.HasSuffix(end, ": 2 calls seen, 2 struck by "+scenario+"\n") {
					t.Errorf("the end is\n%s", end)
				}
				w.ends()
				p.calls(1, "CKR_OK")
				return
			}
			w.Wait()
			for fmt.Fprintln(p.in, 1); !strings.Contains(p.says("CKR_"), "CKR_OK"); fmt.Fprintln(p.in, 1) { // until the emulator has seen it
			}
		})
	}
}

// It plays a scenario by its name too, and waits for a program, and ends when its time is over.
func TestWatchEndsByItself(t *testing.T) {
	dir := socketDir(t)
	w := begin(t, "epsbench", "watch", filepath.Join(dir, "socket"), "--wait", "1h", "--for", "1ms", "--fault", "failover")
	watched(t, dir)
	if end := w.says("the time is over"); !strings.Contains(end, "0 calls seen, 0 struck by failover") {
		t.Errorf("the end is\n%s", end)
	}
	w.ends()
}

// Who shows too slowly loses calls, is told how many, and has shown the others.
func TestWatchTellsWhatIsLost(t *testing.T) {
	p, socket := watched(t, socketDir(t))
	w := begin(t, "epsbench", "watch", socket)
	w.says("time (UTC)")
	const many = 60000
	p.calls(many, "CKR_OK") // and nobody reads what is shown
	p.calls(1, "CKR_OK")
	shown := w.says("records lost")
	p.in.Close()
	shown += w.says("the program has ended")
	sums := regexp.MustCompile(`: (\d+) calls seen, (\d+) records lost`).FindStringSubmatch(shown)
	if sums == nil {
		t.Fatalf("the end is %.300s", shown[len(shown)-300:])
	}
	seen, _ := strconv.Atoi(sums[1])
	lost, _ := strconv.Atoi(sums[2])
	if rows := strings.Count(shown, "  CKR_OK"); seen != rows || lost == 0 || seen+lost != many+2 {
		t.Errorf("%d calls shown, %d seen, %d lost, of %d", rows, seen, lost, many+2)
	}
	w.ends()
}

// What keeps it from a program has a hint, and says by its exit code whose fault it is.
func TestWatchCannot(t *testing.T) {
	_, socket := watched(t, socketDir(t))
	dir := filepath.Dir(socket)
	file := filepath.Join(dir, "epsemu.yaml")
	for name, tt := range map[string]struct {
		says string // what listens, if that is no emulator
		args []string
		code int
		want string
	}{
		"no such socket":             {"", []string{dir + "/none"}, 4, "no such file or directory\n          it is there while the program uses its token; --wait 1m"},
		"a file":                     {"", []string{file}, 4, "connection refused\n          nobody listens there"},
		"in vain":                    {"", []string{dir + "/none", "--wait", "20ms"}, 4, "no such file"},
		"another uid":                {`{"error":{"code":"peer","text":"this uid is not listed"}}` + "\n", nil, 4, "this uid is not listed\n          be the uid of the program, or list"},
		"too many":                   {`{"error":{"code":"busy","text":"too many connections"}}` + "\n", nil, 4, "too many connections\n          sixteen are connected"},
		"words that move a terminal": {`{"error":{"code":"busy","text":"too \u001b[2J many"}}` + "\n", nil, 4, "too ?[2J many"},
		"another version":            {`{"hello":"epsbench.control/9"}` + "\n", nil, 4, "another version"},
		"what is no emulator":        {"HTTP/1.1 400 Bad Request\r\n", nil, 4, "another version"},
		"a program that goes":        {"{", nil, 4, "the program has just ended"},
		"no such scenario":           {"", []string{socket, "--fault", "no-such"}, 2, "--fault: no such fault scenario"},
		"a seed for nothing":         {"", []string{socket, "--seed", "7"}, 2, "--seed is about --fault"},
		"time that runs back":        {"", []string{socket, "--for=-1s"}, 2, "not negative"},
		"no such function":           {"", []string{socket, "--function", "C_Sing"}, 2, "no function is called"},
		"nowhere to keep them":       {"", []string{socket, "--out", dir + "/none/x"}, 2, "--out: open"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.says != "" {
				tt.args = []string{answering(t, tt.says)}
			}
			var out, fails bytes.Buffer
			code := epsbench(registry(), append([]string{"watch"}, tt.args...), &out, &fails)
			if code != tt.code || !strings.Contains(fails.String(), tt.want) || strings.Count(fails.String(), "\n") != 2 || out.Len() != 0 {
				t.Errorf("exit code %d, want %d\n%s%s, want %s", code, tt.code, &out, &fails, tt.want)
			}
		})
	}
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
			c.Close()
		}
	}()
	return l.Addr().String()
}

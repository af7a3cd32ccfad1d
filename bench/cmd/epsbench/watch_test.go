package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/layer/needle"
)

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

// A program whose file gives the values of keys to a bench: nothing that watches shows one.
func TestWatchShowsNoValue(t *testing.T) {
	p, socket := watched(t, socketDir(t))
	bench, err := control.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	value := make(chan string, 1)
	if _, err := bench.Needles(t.Context(), func(n needle.Needle) { value <- string(n.Value()) }); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "calls.jsonl")
	w := begin(t, "epsbench", "watch", socket, "--out", file)
	shown := w.says("time (UTC)")
	p.calls("key", "CKR_OK")
	if got := <-value; got != canary {
		t.Errorf("a bench gets %q: the test would find nothing", got)
	}
	p.in.Close()
	shown += w.says("the program has ended")
	w.ends()
	kept, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(kept, []byte("C_CreateObject")) || !strings.Contains(shown, "C_CreateObject") {
		t.Errorf("%v, the call is not seen:\n%s%s", err, shown, kept)
	}
	all := strings.ToLower(shown + string(kept))
	for _, spelling := range []string{canary, hex.EncodeToString([]byte(canary)), strings.ToLower(base64.StdEncoding.EncodeToString([]byte(canary)))} {
		if strings.Contains(all, spelling) {
			t.Errorf("the value is there as %s", spelling)
		}
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
	w := begin(t, "epsbench", "watch", filepath.Join(dir, "socket"), "--wait", "1h", "--for", "1ms", "--fault", "mac-bit-flipped")
	watched(t, dir)
	if end := w.says("the time is over"); !regexp.MustCompile(`\d+ calls seen, 0 struck by mac-bit-flipped`).MatchString(end) {
		t.Errorf("the end is\n%s", end)
	}
	w.ends()
}

// Ctrl-C ends it also while it waits, and is no failure.
func TestWatchIsInterruptedBeforeTheProgramBegins(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out bytes.Buffer
	c := watchCommand{Socket: filepath.Join(t.TempDir(), "none"), Wait: time.Hour}
	if err := c.Run(&app{ctx: ctx, out: &out}); err != nil || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("%v, shown is %q", err, &out)
	}
}

// A disk that is full is nobody's wrong usage.
func TestWatchOnAFullDisk(t *testing.T) {
	p, socket := watched(t, socketDir(t))
	w := begin(t, "epsbench", "watch", socket, "--out", "/dev/full")
	w.says("time (UTC)")
	p.calls(1, "CKR_OK")
	if w.Wait(); w.ProcessState.ExitCode() != report.ExitHarness {
		t.Errorf("exit code %d", w.ProcessState.ExitCode())
	}
}

// Where the calls break off, what was seen is summed up all the same.
func TestWatchOfCallsThatBreakOff(t *testing.T) {
	says := `{"hello":"epsbench.control/1","pid":7,"needles":false}` + "\n" + `{"done":"records"}` + "\nx\n"
	var out, fails bytes.Buffer
	code := epsbench(registry(), []string{"watch", answering(t, says)}, &out, &fails)
	if code != report.ExitUnusable || !regexp.MustCompile(`broken off after .* s: 0 calls seen`).MatchString(out.String()) {
		t.Errorf("exit code %d\n%s%s", code, &out, &fails)
	}
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
		"in vain":                    {"", []string{dir + "/none", "--wait", "20ms"}, 4, "uses its token\n"},
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

package run

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// explain says why a child has no end record; nil when it has one, or said that
// its target is unusable.
func (o *Outcome) explain(state *os.ProcessState, stopped, readErr error, log io.ReadSeeker) error {
	switch {
	case o.End != nil && readErr == nil && o.End.Results != len(o.Results):
		return fmt.Errorf("the process wrote %d results and %d came through", o.End.Results, len(o.Results))
	case o.End != nil && readErr == nil:
		return nil
	case o.Unusable != nil:
		return nil
	case stopped != nil:
		return stopped
	}
	how := ending(state)
	if readErr != nil {
		how += fmt.Sprintf(" after a record that cannot be read (%v)", readErr)
	}
	if line, inModule := lastWords(log); line != "" {
		how += ": " + line
		if inModule {
			how += " (inside a call of the PKCS#11 module)"
		}
	}
	return fmt.Errorf("the process ended without an end record: %s; see logs/%s.log", how, o.Job.Name)
}

func ending(state *os.ProcessState) string {
	if state == nil {
		return "it could not be waited for"
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return "killed by " + unix.SignalName(ws.Signal())
	}
	return state.String()
}

// lastWords finds what the Go runtime said at the crash, and whether that came
// while C code ran: then it was the module, not the bench.
func lastWords(log io.ReadSeeker) (line string, inModule bool) {
	if _, err := log.Seek(0, io.SeekStart); err != nil {
		return "", false
	}
	s := bufio.NewScanner(log)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		text := s.Text()
		if line == "" && isCrash(text) {
			line = shorten(text, 160)
		}
		if strings.Contains(text, "signal arrived during cgo execution") {
			inModule = true
		}
	}
	return line, inModule
}

func isCrash(line string) bool {
	for _, prefix := range []string{"panic: ", "fatal error: ", "SIG"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

package epsbench

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// walks are the pages that lead a person from enrolment to a refused second use, by
// the heading of the walk, with how many OTPs and responses are accepted on it.
var walks = map[string]struct {
	heading  string
	accepted int
}{
	"README.md":           {"## Play bank and phone by hand", 1},
	"reference/README.md": {"## By hand, with SoftHSM", 3},
}

func TestTheWalksOfTheREADMEsWork(t *testing.T) {
	bin := t.TempDir()
	command(t, ".", "go", "build", "-trimpath", "-o", bin+"/", // as make build does: nothing is compiled twice
		"./bench/cmd/epsbench", "./reference/cmd/eps")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for page, walk := range walks {
		t.Run(page, func(t *testing.T) {
			script := strings.Replace(blocks(t, page, walk.heading), "make build\n", "", 1)
			script = onFreePorts(t).Replace(script)
			out := command(t, t.TempDir(), "bash", "-c", "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"+script+"\nwait\n")
			if used := strings.Count(out, `{"accepted":true}`); used != walk.accepted {
				t.Errorf("%d OTPs and responses are accepted, not %d:\n%s", used, walk.accepted, out)
			}
			if !strings.Contains(out, "{\"accepted\":true}\n{\"accepted\":false}\n") {
				t.Errorf("the second use is not refused:\n%s", out)
			}
		})
	}
}

// onFreePorts moves a walk away from the ports of the default configuration, where
// somebody may be walking already.
func onFreePorts(t *testing.T) *strings.Replacer {
	t.Helper()
	port := map[string]string{}
	for _, usual := range []string{"8443", "9443", "7443", "6443"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all four first, so that they differ
		_, port[usual], _ = net.SplitHostPort(l.Addr().String())
	}
	return strings.NewReplacer(
		"eps init ", "eps init --bank 127.0.0.1:"+port["8443"]+" --public 127.0.0.1:"+port["9443"]+" --authserver https://127.0.0.1:"+port["7443"]+" ",
		"authserver init ", "authserver init --plugin 127.0.0.1:"+port["7443"]+" --auth 127.0.0.1:"+port["6443"]+" ",
		":8443", ":"+port["8443"], ":6443", ":"+port["6443"])
}

// blocks are the commands of one section of a page.
func blocks(t *testing.T, page, heading string) string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(data), heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var script strings.Builder
	for i, part := range strings.Split(section, "```") {
		if code, is := strings.CutPrefix(part, "sh\n"); is && i%2 == 1 {
			script.WriteString(code)
		}
	}
	return script.String()
}

// command runs a program in a directory and gives what it printed.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.WaitDelay = time.Second // a server that was left behind keeps the pipe open
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

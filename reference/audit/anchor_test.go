package audit

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func heads(t testing.TB, a Anchor) []Head {
	t.Helper()
	var all []Head
	for h, err := range a.Heads() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

// TestAppendAfterCrash: wherever a crash cut the last line, the whole lines before it
// stay, and the next head follows them.
func TestAppendAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "anchor")
	rapid.Check(t, func(r *rapid.T) {
		var text []byte
		whole := rapid.IntRange(0, 30).Draw(r, "whole lines")
		for i := range whole + 1 {
			line, _ := json.Marshal(Head{Node: `"é`, Group: uint64(i) + 1, Last: 90, MAC: make([]byte, 32)})
			text = append(append(text, line...), '\n')
		}
		last := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
		text = text[:rapid.IntRange(last, len(text)-1).Draw(r, "cut")]
		if err := os.WriteFile(path, text, 0o600); err != nil {
			r.Fatal(err)
		}
		if err := FileAnchor(path).Append(Head{Node: "next", Group: 1, Last: 1}); err != nil {
			r.Fatal(err)
		}
		all := heads(t, FileAnchor(path))
		if len(all) != whole+1 || all[whole].Node != "next" {
			r.Fatalf("%d heads after %d and a torn one: %v", len(all), whole, all)
		}
	})
}

func TestNewAnchorIsPrivate(t *testing.T) {
	a := FileAnchor(filepath.Join(t.TempDir(), "anchor"))
	if got := heads(t, a); got != nil {
		t.Errorf("a file that is not there holds %v", got)
	}
	if err := a.Append(Head{Node: "n", Group: 1, Last: 1}); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Stat(a.path); err != nil || f.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", f.Mode(), err)
	}
}

// TestRefusedLines: a line that this program did not write is an error, with its number.
func TestRefusedLines(t *testing.T) {
	const good = `{"node":"n","group":1,"last":1,"mac":"AQ=="}` + "\n"
	for _, line := range []string{
		"", "{}", "null", `[]`, "garbage", strings.Repeat("x", 3*lineLimit),
		`{"node":"n","group":0,"last":1,"mac":"AQ=="}`,
		`{"node":"n","group":3,"last":2,"mac":"AQ=="}`,
		`{"node":"n","group":-1,"last":1,"mac":"AQ=="}`,
		`{"node":"n","group":1,"last":1,"mac":"AQ="}`,
		`{"node":"n","group":1,"last":1,"mac":"AQ==","more":1}`,
		`{"node":"n","group":1,"group":1,"last":1,"mac":"AQ=="}`,
		`{"group":1,"node":"n","last":1,"mac":"AQ=="}`,
		` {"node":"n","group":1,"last":1,"mac":"AQ=="}`,
	} {
		var err error
		n := 0
		for _, err = range decode(strings.NewReader(good + line + "\n" + good)) {
			n++
		}
		if n != 2 || err == nil || !strings.HasPrefix(err.Error(), "line 2: ") {
			t.Errorf("%.60q: %d results, %v", line, n, err)
		}
	}
}

// FuzzAnchor: whatever the file holds, decoding ends, and what it accepts is exactly
// what was written.
func FuzzAnchor(f *testing.F) {
	good := `{"node":"eps-1","group":1,"last":3,"mac":"AAEC"}` + "\n"
	for _, seed := range []string{"", good, good + good, good + good[:20], good + "\n", "{}\n", "\x00\xff\n", `{"node":"\u00e9","group":1,"last":1,"mac":null}` + "\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var again []byte
		for h, err := range decode(bytes.NewReader(data)) {
			if err != nil {
				return
			}
			line, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			again = append(append(again, line...), '\n')
		}
		whole := data[:bytes.LastIndexByte(data, '\n')+1]
		if !bytes.Equal(again, whole) {
			t.Errorf("read %q, from %q", again, whole)
		}
	})
}

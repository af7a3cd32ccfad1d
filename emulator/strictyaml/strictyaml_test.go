package strictyaml_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/emulator/strictyaml"
)

type garden struct {
	Name  string        `yaml:"name"`
	Trees []tree        `yaml:"trees"`
	Gate  *gate         `yaml:"gate"`
	Rest  time.Duration `yaml:"rest"`
	Tools []string      `yaml:"tools"`
}

type tree struct {
	Kind   string `yaml:"kind"`
	Height int    `yaml:"height"`
}

type gate struct {
	Open bool `yaml:"open"`
	Code pin  `yaml:"code"`
}

type pin struct {
	Env string `yaml:"env"`
}

func (pin) Wanted() string { return "{env: NAME}" }

func TestADocumentIsRead(t *testing.T) {
	var g garden
	text := "name: south\ntrees: [{kind: oak, height: 9}]\ngate: {open: true, code: {env: CODE}}\nrest: 1m\n"
	if err := strictyaml.Decode([]byte(text), &g); err != nil {
		t.Fatal(err)
	}
	if g.Name != "south" || g.Trees[0].Height != 9 || !g.Gate.Open || g.Gate.Code.Env != "CODE" || g.Rest != time.Minute {
		t.Errorf("read %+v", g)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, text, says string }{
		{"a key with a slip", "name: x\ntres: []\n", `line 2: no key "tres" here: did you mean "trees"?`},
		{"one inside a list", "trees:\n  - kind: oak\n    hieght: 9\n", `line 3: no key "hieght" here: did you mean "height"?`},
		{"one behind a pointer", "gate:\n  opne: true\n", `did you mean "open"?`},
		{"a key that is like no other", "weather: rain\n", `line 1: no key "weather" here`},
		{"two of them", "tres: []\nnam: x\n", `line 1: no key "tres" here: did you mean "trees"?; line 2: no key "nam" here: did you mean "name"?`},
		{"a key twice", "name: x\nname: y\n", `already defined at line 1`},
		{"text for a number", "trees: [{height: tall}]\n", "line 1: height: a text in the place of a whole number"},
		{"a number for a group", "gate: 4\n", "line 1: gate: a number in the place of a group of keys: one of open, code"},
		{"a group for a list", "trees: {kind: oak}\n", "line 1: trees: a group of keys in the place of a list of groups of keys, [{…}, {…}]"},
		{"a time that is none", "rest: soon\n", `line 1: rest: a text in the place of a time like "250ms"`},
		{"a text for a list", "tools: rake\n", "line 1: tools: a text in the place of a list, like [one, another]"},
		{"a group for a text", "name: {is: south}\n", "line 1: name: a group of keys in the place of text"},
		{"what says itself what it wants", "gate:\n  open: true\n  code: 4\n", "line 3: code: a number in the place of {env: NAME}"},
		{"the second of two on a line", "trees: [{kind: oak, height: 9}, {kind: [ash]}]\n", "line 1: kind: a list in the place of text"},
		{"a key that is begun", "trees: [{heig: 9}]\n", `did you mean "height"?`},
		{"an alias of nothing", "name: x\ngate: {code: *x}\n", "line 2: an alias of nothing"},
		{"a tag that does not fit", "name: x\nrest: !!int soon\n", "line 2: a value that cannot be read"},
		{"a tag of one's own", "gate:\n  code: !x y\n", "line 2: code: a value with a tag (!…) in the place of {env: NAME}"},
		{"a key without a value", "gate: {code: {x}}\n", "line 1: a key that is not known here, and has no value: one of env"},
		{"no YAML", "name: [\n", "line"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := strictyaml.Decode([]byte(tt.text), new(garden)); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %s", err, tt.says)
			}
		})
	}
}

func TestOneDocumentOfALimitedSize(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		wants      error
	}{
		{"none", "", strictyaml.ErrEmpty},
		{"a comment alone", "# later\n", strictyaml.ErrEmpty},
		{"two", "name: x\n---\nname: y\n", strictyaml.ErrDocuments},
		{"something behind it", "name: x\n---\n[", strictyaml.ErrDocuments},
		{"the largest", "name: x\n" + strings.Repeat("#", strictyaml.MaxSize-8), nil},
		{"a byte too many", "name: x\n" + strings.Repeat("#", strictyaml.MaxSize-7), strictyaml.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := strictyaml.Decode([]byte(tt.text), new(garden)); !errors.Is(err, tt.wants) {
				t.Errorf("got %v, want %v", err, tt.wants)
			}
			path := filepath.Join(t.TempDir(), "garden.yaml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := strictyaml.File(path, new(garden))
			if !errors.Is(err, tt.wants) || err != nil && !strings.HasPrefix(err.Error(), path+": ") {
				t.Errorf("file: got %v, want %v after its path", err, tt.wants)
			}
		})
	}
}

// slips are what somebody writes who puts a PIN where its variable should be named.
var slips = []string{
	"gate: {code: PIN}\n", "gate: {code: \"PIN`\"}\n", "gate: {code: [PIN]}\n", "gate: {open: PIN}\n", "gate: {code: {PIN}}\n",
	"trees: [{height: \"PIN\"}]\n", "rest: PIN\n", "trees: \"PIN\\n` into \"\n", "rest: |\n  PIN\n  into the garden\n",
	"gate: {code: *PIN}\n", "gate: {code: !!int PIN}\n", "gate: {code: !PIN x}\n", "gate: {code: !x PIN}\n", "gate: {code: !!PIN PIN}\n",
	"gate: {code: !!bool PIN}\n", "gate: &PIN {code: *PIN}\n", "gate: {<<: PIN}\n", "gate: {code: {PIN, PIN}}\n", "gate: {code: !!binary PIN}\n",
	"gate: {code: @PIN}\n", "gate: {code: %PIN}\n", "gate: {code: 'PIN}\n", "gate: {code: &PIN}\n", "rest: !!time-of-day PIN\n",
}

// A PIN in the place of the variable that holds one is refused, and not repeated.
func TestNoErrorShowsAValue(t *testing.T) {
	for _, slip := range slips {
		for _, pin := range []string{"482915", "hunter2"} {
			text := strings.ReplaceAll(slip, "PIN", pin)
			err := strictyaml.Decode([]byte(text), new(garden))
			if err == nil && strings.Contains(slip, ": &PIN}") {
				continue // a name for nothing
			}
			if err == nil || strings.Contains(err.Error(), pin) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	if err := strictyaml.File(filepath.Join(t.TempDir(), "none"), new(garden)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode reads anything. No error holds a value that stands nowhere else.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: south\ntrees: [{kind: oak, height: 9}]\n"))
	f.Add([]byte("a: &a [*a]\n---\n"))
	for _, slip := range slips {
		f.Add([]byte(slip))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := strictyaml.Decode(text, new(garden))
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		const canary = "hunter2x94"
		text = append([]byte("gate: {code: "+canary+"}\n"), bytes.ReplaceAll(text, []byte("PIN"), []byte(canary))...)
		if err := strictyaml.Decode(text, new(garden)); err == nil || keyIs(text, canary) {
			return
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestNearest(t *testing.T) {
	known := []string{"focus", "personality", "luna-7", "softhsm-2.6.1", "of"}
	for word, want := range map[string]string{
		"focsu": "focus", "foci": "focus", "bogus": "", "luna7": "luna-7", "softhsm": "softhsm-2.6.1", "so": "", "": "", "off": "of", "zz": "",
	} {
		if got := strictyaml.Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

// keyIs tells whether a word may be read as a key, which an error may name.
func keyIs(text []byte, word string) bool {
	return regexp.MustCompile(word + `[^,{}\[\]\n]*:|\?`).Match(text)
}

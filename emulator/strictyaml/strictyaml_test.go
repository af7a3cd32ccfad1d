package strictyaml_test

import (
	"errors"
	"os"
	"path/filepath"
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
		{"text for a number", "trees: [{height: tall}]\n", "line 1: a text in the place of a whole number"},
		{"a number for a group", "gate: 4\n", "line 1: a number in the place of gate"},
		{"a group for a list", "trees: {kind: oak}\n", "line 1: a group of keys in the place of a list"},
		{"a time that is none", "rest: soon\n", `line 1: a text in the place of a time like "250ms"`},
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

// A PIN in the place of the variable that holds one is refused, and not repeated.
func TestNoErrorShowsAValue(t *testing.T) {
	for _, text := range []string{
		"gate: {code: 482915}\n", "gate: {code: \"48291`5\"}\n", "gate: {code: [482915]}\n", "gate: {open: 482915}\n",
		"trees: [{height: \"482915\"}]\n", "rest: 482915x\n", "trees: \"482915\\n` into \"\n",
	} {
		err := strictyaml.Decode([]byte(text), new(garden))
		if err == nil || strings.Contains(err.Error(), "48291") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	if err := strictyaml.File(filepath.Join(t.TempDir(), "none"), new(garden)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: south\ntrees: [{kind: oak, height: 9}]\n"))
	f.Add([]byte("a: &a [*a]\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := strictyaml.Decode(text, new(garden)); err != nil && err.Error() == "" {
			t.Error("an error without words")
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

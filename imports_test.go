// Package epsbench holds the rules of the tree, and runs the walks of its READMEs.
package epsbench

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/epsbench/epsbench/"

// A rule says what the packages under a folder may import of this module, by
// prefix, save what stands in not; the longest folder that matches a package decides.
// Tests may cross.
var rules = []rule{
	{"vectors", nil, nil},
	{"docker", nil, nil},
	{"emulator", []string{"emulator"}, nil},
	{"reference", []string{"reference"}, []string{"reference/server", "reference/command"}},
	{"reference/server", []string{"reference"}, []string{"reference/command"}},
	{"reference/command", []string{"reference"}, nil},
	{"reference/cmd", []string{"reference"}, nil},
	{"conformance", []string{"conformance", "vectors", "emulator/cryptoki"}, []string{"conformance/mutants"}},
	{"conformance/mutants", []string{"conformance", "emulator", "reference"}, nil},
	{"bench", []string{"bench", "conformance", "docker", "emulator", "reference", "vectors"}, nil},
}

type rule struct {
	folder   string
	may, not []string
}

// quiet are the packages of words and rules: they do no I/O.
var quiet = []string{"reference", "reference/oath", "conformance/catalogue"}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		r, ok := ruleFor(p.name)
		if !ok {
			t.Errorf("%s: no rule for this folder; add one to rules", p.name)
		}
		for _, imported := range p.ours() {
			if !underAny(imported, r.may) || underAny(imported, r.not) && !under(imported, r.folder) {
				t.Errorf("%s imports %s", p.name, imported)
			}
		}
	}
}

func TestDomainPackagesDoNoIO(t *testing.T) {
	doing := []string{"os", "net", "net/http", "database/sql", "io/fs", "github.com/miekg/pkcs11"}
	for _, p := range packages(t) {
		if !underExactly(p.name, quiet) {
			continue
		}
		for _, imported := range p.imports {
			if underExactly(imported, doing) {
				t.Errorf("%s imports %s", p.name, imported)
			}
		}
	}
}

type pkg struct {
	name    string // below the module, "" for the root
	imports []string
}

func (p pkg) ours() []string {
	var out []string
	for _, i := range p.imports {
		if name, ok := strings.CutPrefix(i, module); ok {
			out = append(out, name)
		}
	}
	return out
}

// packages lists the packages of the module that have more than tests.
func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles,CgoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                 string
			Imports, GoFiles, CgoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(p.ImportPath, module); ok && len(p.GoFiles)+len(p.CgoFiles) > 0 {
			all = append(all, pkg{name, p.Imports})
		}
	}
}

func ruleFor(name string) (found rule, ok bool) {
	for _, r := range rules {
		if under(name, r.folder) && len(r.folder) >= len(found.folder) {
			found, ok = r, true
		}
	}
	return found, ok
}

func under(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func underAny(name string, folders []string) bool {
	for _, f := range folders {
		if under(name, f) {
			return true
		}
	}
	return false
}

func underExactly(name string, names []string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

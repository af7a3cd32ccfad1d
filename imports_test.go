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
// prefix; the longest folder that matches a package decides. Tests may cross.
var rules = []struct {
	folder string
	may    []string
}{
	{"vectors", nil},
	{"docker", nil},
	{"emulator", []string{"emulator"}},
	{"reference", []string{"reference"}},
	{"conformance", []string{"conformance", "vectors", "emulator/cryptoki"}},
	{"conformance/mutants", []string{"conformance", "emulator", "reference"}},
	{"bench", []string{"bench", "conformance", "docker", "emulator", "reference", "vectors"}},
}

// quiet are the packages of words and rules: they do no I/O.
var quiet = []string{"reference", "reference/oath", "conformance/catalogue"}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		may, ok := allowed(p.name)
		if !ok {
			t.Errorf("%s: no rule for this folder; add one to rules", p.name)
		}
		for _, imported := range p.ours() {
			if !underAny(imported, may) {
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
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath       string
			Imports, GoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(p.ImportPath, module); ok && len(p.GoFiles) > 0 {
			all = append(all, pkg{name, p.Imports})
		}
	}
}

func allowed(name string) (may []string, ok bool) {
	longest := -1
	for _, r := range rules {
		if under(name, r.folder) && len(r.folder) > longest {
			longest, may, ok = len(r.folder), r.may, true
		}
	}
	return may, ok
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

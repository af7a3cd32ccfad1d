// Command gen writes around_gen.go (one method a function of Module) and
// names_gen.go (the names of CKM, CKA and CKR numbers) for package cryptoki.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	write("around_gen.go", aroundText, slices.Concat(methods("cryptoki.go", "Module"), methods("extended.go", "Extended")))
	write("names_gen.go", namesText, constants())
}

// write executes text with data and formats the result into file.
func write(file, text string, data any) {
	var out bytes.Buffer
	if err := template.Must(template.New(file).Parse(text)).Execute(&out, data); err != nil {
		log.Fatal(err)
	}
	src, err := format.Source(out.Bytes())
	if err != nil {
		log.Fatalf("%s: %v", file, err)
	}
	if err := os.WriteFile(file, src, 0o644); err != nil {
		log.Fatal(err)
	}
}

// method is a function of Module as the template needs it: Fields and Results
// are the fields of Call that carry its arguments and results.
type method struct {
	Name, Params, Returns, ResultTypes string
	Fields, Args, Results              []string
}

// Standard is the name without C_ that PKCS#11 has for it.
func (m method) Standard() string {
	if name, ok := standard[m.Name]; ok {
		return name
	}
	return m.Name
}

// standard has the methods that spell a function of PKCS#11 another way than miekg.
var standard = map[string]string{"AttributeValues": "GetAttributeValue", "SlotEvent": "WaitForSlotEvent"}

func (m method) Keep() string { return strings.Join(m.Fields, ", ") }
func (m method) Given() string {
	return strings.Join(m.Args, ", ")
}

// Calls names the Call's fields as arguments of the next module.
func (m method) Calls() string {
	out := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		out[i] = f
		if m.Args[i] == "opts" {
			out[i] += "..."
		}
	}
	return strings.Join(out, ", ")
}

// methods reads an interface: those functions that return an error.
func methods(file, name string) []method {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		log.Fatal(err)
	}
	var out []method
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		for _, m := range spec.Type.(*ast.InterfaceType).Methods.List {
			t, ok := m.Type.(*ast.FuncType)
			if ok && t.Results != nil && typeName(t.Results.List[len(t.Results.List)-1].Type) == "error" {
				out = append(out, newMethod(m.Names[0].Name, t))
			}
		}
		return false
	})
	return out
}

func newMethod(name string, t *ast.FuncType) method {
	m := method{Name: name}
	used := map[string]bool{}
	field := func(param, typ string) string {
		f := byName[param]
		if f == "" {
			f = byType[typ]
		}
		if f == "" {
			log.Fatalf("%s: no field of Call for %s %s", name, param, typ)
		}
		if used[f] {
			f += "2"
		}
		used[f] = true
		return "c." + f
	}
	var params []string
	for _, p := range t.Params.List {
		typ := typeName(p.Type)
		for _, n := range p.Names {
			params = append(params, n.Name+" "+typ)
			m.Args = append(m.Args, n.Name)
			m.Fields = append(m.Fields, field(n.Name, typ))
		}
	}
	m.Params = strings.Join(params, ", ")
	var types []string
	for _, r := range t.Results.List {
		typ := typeName(r.Type)
		types = append(types, typ)
		if typ != "error" {
			m.Results = append(m.Results, resultField(name, typ, m.Results))
		}
	}
	m.ResultTypes = strings.Join(types, ", ")
	return m
}

func resultField(method, typ string, have []string) string {
	f := results[typ]
	if f == "" {
		log.Fatalf("%s: no field of Call for a result %s", method, typ)
	}
	f = "c." + f
	if slices.Contains(have, f) {
		f += "2"
	}
	return f
}

// byName and byType say which field of Call carries an argument; a second one
// of the same field goes to the field's "2".
var (
	byName = map[string]string{
		"slotID": "Slot", "flags": "Flags", "userType": "UserType", "label": "Label",
		"PIN": "PIN", "oldPIN": "PIN", "newPIN": "NewPIN", "opts": "Options",
		"user": "User", "types": "Types", "max": "Count", "length": "Count", "tokenPresent": "Present",
	}
	byType = map[string]string{
		"pkcs11.SessionHandle": "Session", "pkcs11.ObjectHandle": "Object",
		"[]*pkcs11.Mechanism": "Mechanism", "[]*pkcs11.Attribute": "Template", "[]byte": "In",
	}
	results = map[string]string{
		"[]byte": "Out", "pkcs11.ObjectHandle": "Made", "[]pkcs11.ObjectHandle": "Found",
		"bool": "More", "uint": "Size", "[]uint": "Slots", "[]*pkcs11.Mechanism": "Mechanisms",
		"[]*pkcs11.Attribute": "Attributes", "[]AttributeValue": "Values", "pkcs11.SessionHandle": "Opened",
		"pkcs11.Info": "Info.Library", "pkcs11.SlotInfo": "Info.Slot", "pkcs11.TokenInfo": "Info.Token",
		"pkcs11.MechanismInfo": "Info.Mechanism", "pkcs11.SessionInfo": "Info.Session",
	}
)

func typeName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.SelectorExpr:
		return typeName(t.X) + "." + t.Sel.Name
	case *ast.StarExpr:
		return "*" + typeName(t.X)
	case *ast.ArrayType:
		return "[]" + typeName(t.Elt)
	case *ast.Ellipsis:
		return "..." + typeName(t.Elt)
	case *ast.ChanType:
		return "chan " + typeName(t.Value)
	}
	log.Fatalf("a type that Module does not use: %T", e)
	return ""
}

// table is one family of numbers.
type table struct {
	Var, Doc string
	Rows     []row
}

type row struct {
	Number uint64
	Name   string
}

// constants reads the numbers of PKCS#11 from the source of miekg/pkcs11. The
// first name of a number wins: later ones are aliases.
func constants() []table {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output()
	if err != nil {
		log.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "zconst.go"), nil, 0)
	if err != nil {
		log.Fatal(err)
	}
	tables := []table{
		{Var: "mechanismNames", Doc: "CKM_"}, {Var: "attributeNames", Doc: "CKA_"}, {Var: "returnNames", Doc: "CKR_"},
	}
	seen, known := map[string]bool{}, map[string]uint64{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		number, ok := value(v.Values[0], known)
		known[v.Names[0].Name] = number
		for i := range tables {
			t := &tables[i]
			key := fmt.Sprint(t.Doc, number)
			if ok && strings.HasPrefix(v.Names[0].Name, t.Doc) && !seen[key] {
				seen[key] = true
				t.Rows = append(t.Rows, row{number, v.Names[0].Name})
			}
		}
		return true
	})
	return tables
}

// value evaluates a number, a constant known already, or an "or" of both.
func value(e ast.Expr, known map[string]uint64) (uint64, bool) {
	switch t := e.(type) {
	case *ast.BasicLit:
		n, err := strconv.ParseUint(t.Value, 0, 64)
		return n, err == nil
	case *ast.Ident:
		n, ok := known[t.Name]
		return n, ok
	case *ast.ParenExpr:
		return value(t.X, known)
	case *ast.BinaryExpr:
		x, okX := value(t.X, known)
		y, okY := value(t.Y, known)
		return x | y, okX && okY && t.Op == token.OR
	}
	return 0, false
}

const aroundText = `// Code generated by gen. DO NOT EDIT.

package cryptoki

import "github.com/miekg/pkcs11"

// The functions that pass through Around.
const (
	_ Function = iota
{{- range .}}
	{{.Name}}
{{- end}}
)

var functionNames = [...]string{
{{- range .}}
	{{.Name}}: "C_{{.Standard}}",
{{- end}}
}

var nexts = [...]func(*Call) error{
{{- range .}}
	{{.Name}}: next{{.Name}},
{{- end}}
}
{{range .}}
func (r *around) {{.Name}}({{.Params}}) ({{.ResultTypes}}) {
	c := r.begin({{.Name}})
	defer c.end()
	{{- if .Fields}}
	{{.Keep}} = {{.Given}}
	{{- end}}
	err := r.fn(c)
	return {{range .Results}}{{.}}, {{end}}err
}

func next{{.Name}}(c *Call) (err error) {
	{{range .Results}}{{.}}, {{end}}err = c.next.{{.Name}}({{.Calls}})
	return err
}
{{end}}`

const namesText = `// Code generated by gen. DO NOT EDIT.

package cryptoki
{{range .}}
var {{.Var}} = map[uint]string{
{{- range .Rows}}
	{{printf "%#x" .Number}}: {{printf "%q" .Name}},
{{- end}}
}
{{end}}`

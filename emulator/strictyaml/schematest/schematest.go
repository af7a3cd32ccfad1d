// Package schematest holds the JSON Schema of a file against the struct that the file is
// read into.
//
// Start at New. A schema is for editors and for who writes files by program: what it takes
// and what the program takes should be the same.
package schematest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// Schema is a compiled schema.
type Schema struct {
	t        *testing.T
	compiled *jsonschema.Schema
	root     node
}

// node is what Fits looks at of a schema.
type node struct {
	Ref                  string          `json:"$ref"`
	Type                 any             `json:"type"`
	Properties           map[string]node `json:"properties"`
	AdditionalProperties json.RawMessage `json:"additionalProperties"` // false, or a schema
	Items                *node           `json:"items"`
	Defs                 map[string]node `json:"$defs"`
}

// New compiles a schema, which must be one of draft 2020-12.
func New(t *testing.T, text []byte) *Schema {
	t.Helper()
	s := &Schema{t: t}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	if s.compiled, err = c.Compile("schema.json"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &s.root); err != nil {
		t.Fatal(err)
	}
	if s.compiled.DraftVersion != 2020 {
		t.Errorf("draft %d", s.compiled.DraftVersion)
	}
	return s
}

// Fits wants the schema to have the keys and types of the struct v, and no other key.
func (s *Schema) Fits(v any) {
	s.t.Helper()
	s.fits("", s.root, reflect.TypeOf(v))
}

func (s *Schema) fits(at string, n node, t reflect.Type) {
	s.t.Helper()
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		n = s.root.Defs[name]
	}
	switch t.Kind() {
	case reflect.Pointer:
		s.fits(at, n, t.Elem())
	case reflect.Slice:
		s.is(at, n, "array")
		if n.Items == nil {
			s.t.Errorf("%s: a list without items", at)
			return
		}
		s.fits(at+"[]", *n.Items, t.Elem())
	case reflect.Struct:
		s.is(at, n, "object")
		s.keys(at, n, t)
	case reflect.Map:
		s.is(at, n, "object")
		var values node
		if err := json.Unmarshal(n.AdditionalProperties, &values); err != nil {
			s.t.Errorf("%s: a map whose additionalProperties are no schema", at)
			return
		}
		s.fits(at+".*", values, t.Elem())
	case reflect.Interface: // the reader says more
	case reflect.Bool:
		s.is(at, n, "boolean")
	case reflect.Float64:
		s.is(at, n, "number")
	case reflect.Int64:
		if t.String() == "time.Duration" {
			s.is(at, n, "string")
			return
		}
		s.is(at, n, "integer")
	case reflect.Int, reflect.Uint, reflect.Uint32, reflect.Uint64:
		s.is(at, n, "integer")
	case reflect.String:
		s.is(at, n, "string")
	default:
		s.t.Errorf("%s: no rule for %s", at, t)
	}
}

// is wants a type, be it one of several. A constant or a choice says its type itself.
func (s *Schema) is(at string, n node, want string) {
	s.t.Helper()
	if have := fmt.Sprint(n.Type); n.Type != nil && !slices.Contains(strings.Fields(strings.Trim(have, "[]")), want) {
		s.t.Errorf("%s: the schema has type %s, the struct %s", at, have, want)
	}
}

func (s *Schema) keys(at string, n node, t reflect.Type) {
	s.t.Helper()
	if string(n.AdditionalProperties) != "false" {
		s.t.Errorf("%s: takes keys that it does not know", at)
	}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		if key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); key != "" && key != "-" {
			fields[key] = t.Field(i).Type
		}
	}
	for _, key := range slices.Sorted(maps.Keys(n.Properties)) {
		if fields[key] == nil {
			s.t.Errorf("%s.%s: in the schema alone", at, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if property, ok := n.Properties[key]; ok {
			s.fits(at+"."+key, property, fields[key])
		} else {
			s.t.Errorf("%s.%s: in the struct alone", at, key)
		}
	}
}

// Judge tells what the schema says of the text of a file.
func (s *Schema) Judge(text string) error {
	s.t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return err
	}
	value, err := plain(&doc)
	if err != nil {
		return err
	}
	return s.compiled.Validate(value)
}

// plain gives a document as JSON has it: keys are text, also those that YAML takes for
// booleans.
func plain(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0])
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			value, err := plain(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			out[n.Content[i].Value] = value
		}
		return out, nil
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			value, err := plain(item)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		return out, nil
	}
	var v any
	err := n.Decode(&v)
	return v, err
}

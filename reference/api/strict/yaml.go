package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML decodes one document into v, a pointer to a struct. Only fields with a
// yaml tag can be set. Fields that the document leaves out keep their values. An error
// names the line and, for an unknown field, the nearest known one.
func YAML(data []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := d.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("the file is empty")
		}
		return err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document, or trailing data")
	}
	root := document.Content[0]
	if err := fits(root, reflect.TypeOf(v).Elem()); err != nil {
		return err
	}
	return root.Decode(v)
}

// fits checks the names in n against the fields of t.
func fits(n *yaml.Node, t reflect.Type) error {
	if n.Kind == yaml.AliasNode {
		return fmt.Errorf("line %d: aliases are not taken", n.Line)
	}
	if n.Tag == "!!null" {
		return fmt.Errorf("line %d: a value is missing", n.Line)
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return fits(n, t.Elem())
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		return fitsStruct(n, t)
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if err := fits(item, t.Elem()); err != nil {
				return err
			}
		}
		return nil
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Slice:
		return fmt.Errorf("line %d: a %s is wanted here", n.Line, map[reflect.Kind]string{reflect.Struct: "mapping", reflect.Slice: "list"}[t.Kind()])
	}
	return nil
}

func fitsStruct(n *yaml.Node, t reflect.Type) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		field, known := fieldOf(t, name.Value)
		switch {
		case !known:
			return fmt.Errorf("line %d: unknown field %q%s", name.Line, name.Value, suggestion(name.Value, names(t)))
		case seen[name.Value]:
			return fmt.Errorf("line %d: field %q twice", name.Line, name.Value)
		}
		seen[name.Value] = true
		if err := fits(value, field.Type); err != nil {
			return err
		}
	}
	return nil
}

func names(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		if name := nameOf(t.Field(i)); name != "" {
			all = append(all, name)
		}
	}
	return all
}

func nameOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); name != "" && nameOf(f) == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

package strictyaml

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Wanter is a type of a file that says in words what is to be written: "{env: NAME}". It is what
// an error says where something else stands.
type Wanter interface{ Wanted() string }

// wanted says a type to who knows no Go. Of one that is not known only the name is there.
func wanted(t reflect.Type, name string) string {
	if t == nil {
		return name[strings.LastIndex(name, ".")+1:]
	}
	if w, ok := reflect.Zero(t).Interface().(Wanter); ok {
		return w.Wanted()
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Struct {
			return "a list of groups of keys, [{…}, {…}]"
		}
		return "a list, like [one, another]"
	case reflect.Struct, reflect.Map:
		return "a group of keys" + oneOf(keys(t))
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int64:
		if t.String() == "time.Duration" {
			return `a time like "250ms"`
		}
	}
	return "a whole number"
}

// typesOf gives the types that one holds, itself among them, by name.
func typesOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	collect(t, out)
	return out
}

func collect(t reflect.Type, out map[string]reflect.Type) {
	if _, seen := out[t.String()]; seen {
		return
	}
	out[t.String()] = t
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		collect(t.Elem(), out)
	case reflect.Struct:
		for _, key := range keys(t) {
			collect(field(t, key), out)
		}
	}
}

// keys are those of a struct, in its order; none of another type.
func keys(t reflect.Type) (out []string) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if key := keyOf(t.Field(i)); key != "" {
			out = append(out, key)
		}
	}
	return out
}

// keyOf is a field's key; "" where it has none.
func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	switch {
	case !f.IsExported() || key == "-":
		return ""
	case key == "":
		return strings.ToLower(f.Name)
	}
	return key
}

// field is the type that stands at a key of a struct or a map, nil where there is none.
func field(t reflect.Type, key string) reflect.Type {
	if t.Kind() == reflect.Map {
		return t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		if keyOf(t.Field(i)) == key {
			return t.Field(i).Type
		}
	}
	return nil
}

// wrong is a value that the decoder has refused.
type wrong struct {
	line     int
	typ, tag string // that it should have, that it has
}

// key names the key where the value stands, as "pin: "; "" where that is not known.
func (w wrong) key(n *yaml.Node, t reflect.Type) string { return w.under("", n, t) }

// under looks for the value in n, which stands at a key and is to be a t.
func (w wrong) under(key string, n *yaml.Node, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Line == w.line && t.String() == w.typ && (n.ShortTag() == w.tag || w.tag == "!!") {
		return key
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.under(key, n.Content[0], t)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if inner := field(t, n.Content[i].Value); inner != nil {
				if found := w.under(n.Content[i].Value+": ", n.Content[i+1], inner); found != "" {
					return found
				}
			}
		}
	case yaml.SequenceNode:
		if t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return ""
		}
		for _, item := range n.Content {
			if found := w.under(key, item, t.Elem()); found != "" {
				return found
			}
		}
	}
	return ""
}

// bare tells whether a key at a line has no value.
func bare(n *yaml.Node, key string, line int) bool {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == key && c.Line == line && n.Content[i+1].ShortTag() == "!!null" || bare(c, key, line) {
			return true
		}
	}
	return false
}

// unreadable is the line of the first value that cannot be read by itself, 0 where each can.
func unreadable(n *yaml.Node) int {
	for _, c := range n.Content {
		if line := unreadable(c); line != 0 {
			return line
		}
	}
	if n.Kind == yaml.ScalarNode && n.Decode(new(any)) != nil {
		return n.Line
	}
	return 0
}

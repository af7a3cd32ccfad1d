package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// parse reads one JSON object into v, a pointer to a struct. Its errors show nothing of the
// line but the name of a key.
func parse(line []byte, v any) error {
	if err := exact(line, reflect.TypeOf(v).Elem()); err != nil {
		return err
	}
	if json.Unmarshal(line, v) != nil {
		return fmt.Errorf("%w: no such JSON", ErrRequest)
	}
	return nil
}

// exact refuses what encoding/json lets pass: a key twice, a key in other letters, one that
// the struct has not, something after the object.
func exact(line []byte, t reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(line))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("%w: no JSON object", ErrRequest)
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: no such JSON", ErrRequest)
		}
		name := key.(string) // the decoder takes nothing else for a key
		inner, known := field(t, name)
		switch {
		case !known:
			return fmt.Errorf("%w: unknown key %.60q", ErrRequest, name)
		case seen[name]:
			return fmt.Errorf("%w: key %q twice", ErrRequest, name)
		}
		seen[name] = true
		if err := exactValue(d, inner); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: no such JSON", ErrRequest)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one JSON object", ErrRequest)
	}
	return nil
}

func exactValue(d *json.Decoder, t reflect.Type) error {
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return fmt.Errorf("%w: no such JSON", ErrRequest)
	}
	defer clear(value)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return exact(value, t)
}

// field finds the field of a struct by the key that its tag has.
func field(t reflect.Type, key string) (reflect.Type, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key && key != "" {
			return f.Type, true
		}
	}
	return nil, false
}

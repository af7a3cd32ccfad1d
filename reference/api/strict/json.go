// Package strict decodes what people and other programs write, JSON bodies and
// YAML files, and refuses whatever it would have to guess at: unknown and repeated
// names, null, trailing data, other encodings than UTF-8, deep nesting.
//
// Start at Body for an HTTP request, at JSON for bytes, at YAML for a file.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a body may nest; no body of this project nests deeper than 2.
const maxDepth = 8

// JSON decodes one object into v, a pointer to a struct. Names must be spelled as
// in v's tags, which are lower case: encoding/json alone would also take "User" for
// "user", and the last of two. Errors never quote data.
func JSON(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	if err := shape(data); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return plain(err)
	}
	return nil
}

// plain says what a decoding error means without the value that caused it.
func plain(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: a %s is not wanted here", wrong.Field, strings.Fields(wrong.Value + " value")[0])
	}
	if _, name, found := strings.Cut(err.Error(), "unknown field "); found {
		return fmt.Errorf("unknown field %s", name)
	}
	return errors.New("not valid JSON")
}

// shape walks the tokens and checks what encoding/json lets pass.
func shape(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	first, err := d.Token()
	if err != nil || first != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	if err := object(d, 1); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("trailing data")
	}
	return nil
}

// object checks the rest of an object whose brace has been read.
func object(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return errors.New("not valid JSON")
		}
		name, _ := t.(string)
		if !plainName(name) {
			return errors.New("unknown field")
		}
		if seen[name] {
			return fmt.Errorf("field %q twice", name)
		}
		seen[name] = true
		if err := value(d, depth); err != nil {
			return err
		}
	}
	return end(d)
}

func array(d *json.Decoder, depth int) error {
	for d.More() {
		if err := value(d, depth); err != nil {
			return err
		}
	}
	return end(d)
}

func end(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errors.New("not valid JSON")
	}
	return nil
}

func value(d *json.Decoder, depth int) error {
	if depth >= maxDepth {
		return errors.New("nested too deep")
	}
	t, err := d.Token()
	if err != nil {
		return errors.New("not valid JSON")
	}
	switch t := t.(type) {
	case nil:
		return errors.New("null is no value here")
	case json.Delim:
		if t == '{' {
			return object(d, depth+1)
		}
		return array(d, depth+1)
	case string:
		// What encoding/json puts in place of half a surrogate pair.
		if strings.ContainsRune(t, utf8.RuneError) {
			return errors.New("a string is not Unicode text")
		}
	}
	return nil
}

// plainName holds for every name that a struct of this project has. It also keeps
// out the letters that fold to ASCII ones, such as the Kelvin sign.
func plainName(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}

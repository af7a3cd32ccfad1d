// Package strictyaml reads the files of the emulator: what it is, the faults that it plays.
//
// Start at Decode, or at File. One document and no more, of a limited size; a key that
// nothing knows is an error with its line, and with the key that was perhaps meant. An error
// names keys and lines, and never a value: a PIN may stand where none should.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxSize is the size of the largest text that is read, in bytes.
const MaxSize = 1 << 20

// ErrTooLarge: the text has more than MaxSize bytes.
var ErrTooLarge = fmt.Errorf("is larger than %d bytes", MaxSize)

// ErrEmpty: there is no document in the text.
var ErrEmpty = errors.New("is empty")

// ErrDocuments: a text is one document.
var ErrDocuments = errors.New("holds more than one document")

// File reads the file at path into a struct. Its errors begin with the path.
func File(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return err
	}
	if err := Decode(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Decode reads a text into the struct that into points to.
func Decode(text []byte, into any) error {
	if len(text) > MaxSize {
		return ErrTooLarge
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		return inOurWords(err, into)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return ErrDocuments
	}
	return nil
}

// inOurWords brings an error of the decoder into one line: "line 3: …".
func inOurWords(err error, into any) error {
	var typed *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return ErrEmpty
	case !errors.As(err, &typed):
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	known := keysOf(into)
	var lines []string
	for _, line := range typed.Errors {
		lines = append(lines, reword(line, known))
	}
	return errors.New(strings.Join(lines, "; "))
}

// What the decoder says; a value stands between the last backticks.
var (
	unknownKey = regexp.MustCompile(`(?s)^(line \d+): field (.*) not found in type (.*)$`)
	wrongValue = regexp.MustCompile("(?s)^(line \\d+): cannot unmarshal !!(\\w+)(?: `.*`)? into (.*)$")
)

func reword(line string, known map[string][]string) string {
	if m := unknownKey.FindStringSubmatch(line); m != nil {
		return fmt.Sprintf("%s: no key %.60q here%s", m[1], m[2], meant(m[2], known[m[3]]))
	}
	if m := wrongValue.FindStringSubmatch(line); m != nil {
		return fmt.Sprintf("%s: a %s in the place of %s", m[1], words[m[2]], kind(m[3]))
	}
	return line
}

// words are the tags of YAML.
var words = map[string]string{
	"str": "text", "int": "number", "float": "fraction", "bool": "boolean", "seq": "list", "map": "group of keys",
	"timestamp": "date", "binary": "binary value", "null": "null", "merge": "merge",
}

// kind says a type of Go to who knows none.
func kind(typ string) string {
	switch {
	case strings.HasPrefix(typ, "[]"):
		return "a list"
	case typ == "string":
		return "text"
	case typ == "bool":
		return "true or false"
	case typ == "time.Duration":
		return `a time like "250ms"`
	case strings.HasPrefix(typ, "int"), strings.HasPrefix(typ, "uint"):
		return "a whole number"
	case strings.HasPrefix(typ, "float"):
		return "a number"
	}
	return typ[strings.LastIndex(typ, ".")+1:]
}

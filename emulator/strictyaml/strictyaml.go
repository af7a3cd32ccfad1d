// Package strictyaml reads the files of the emulator: what it is, the faults that it plays.
//
// Start at Decode, or at File. One document and no more, of a limited size; a key that
// nothing knows is an error with its line, and with the key that was perhaps meant. An error
// names keys, lines and what is wanted, and never a value: a PIN may stand where none should.
// words.go has these words, place.go finds where a value stands.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

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
		return inOurWords(err, text, into)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return ErrDocuments
	}
	return nil
}

package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// MaxSize limits a report.json that is read: a full run stays far below it.
const MaxSize = 256 << 20

// ErrNotReport: the file is no report of this schema.
var ErrNotReport = errors.New("not a report of schema " + Schema)

//go:embed report.schema.json
var schemaJSON []byte

var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("report.schema.json")
})

// Validate tells whether data is a report, field by field.
func Validate(data []byte) error {
	s, err := schema()
	if err != nil {
		return fmt.Errorf("report schema: %w", err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotReport, err)
	}
	if err := s.Validate(doc); err != nil {
		return fmt.Errorf("%w: %w", ErrNotReport, err)
	}
	return nil
}

// Encode gives the JSON form, indented.
func (r Report) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(r)
	return b.Bytes(), err
}

// Decode reads the JSON form and refuses anything that is not one.
func Decode(data []byte) (Report, error) {
	if err := Validate(data); err != nil {
		return Report{}, err
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrNotReport, err)
	}
	return r, nil
}

// Open reads a report.json.
func Open(path string) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Report{}, err
	}
	if len(data) > MaxSize {
		return Report{}, fmt.Errorf("%s: %w: larger than %d bytes", path, ErrNotReport, MaxSize)
	}
	r, err := Decode(data)
	if err != nil {
		return Report{}, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

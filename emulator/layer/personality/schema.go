package personality

import (
	"bytes"
	_ "embed"
)

//go:embed schema.json
var schema []byte

// Schema gives the JSON Schema (draft 2020-12) of the file of a personality, for editors. What names mean, and
// what depends on other files, the reader alone can tell.
func Schema() []byte { return bytes.Clone(schema) }

package cryptoki

import (
	"bytes"
	"testing"
)

// FuzzFault feeds what may stand in a file that is named as a library.
func FuzzFault(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if fault(bytes.NewReader(content), "library.so") == "" {
			t.Error("no answer")
		}
	})
}

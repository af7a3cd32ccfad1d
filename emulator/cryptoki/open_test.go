package cryptoki_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{"missing", filepath.Join(dir, "missing.so"), fs.ErrNotExist},
		{"a directory", dir, cryptoki.ErrNotLibrary},
		{"no ELF file", text, cryptoki.ErrNotLibrary},
		{"no PKCS#11", exe, cryptoki.ErrNotLibrary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := cryptoki.Open(tt.path); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

package target

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is left anywhere below a target's directory is read; keys of tokens and certificates are not.
func TestLeftFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"db/eps.db", "tmp/deep/note", "anchor", "pki/key.pem", "twin-1/token-eps/1", "softhsm/x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := left(dir)
	if err != nil || len(files) != 3 || string(files["tmp/deep/note"]) != "tmp/deep/note" {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// What a process has printed into a file is read back, and it can go on printing.
func TestPrinted(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, want := range []string{"one", "onetwo"} {
		if _, err := f.WriteString(want[len(want)-3:]); err != nil {
			t.Fatal(err)
		}
		if text, err := printed(f); err != nil || !bytes.Equal(text, []byte(want)) {
			t.Errorf("printed %q, %v; want %q", text, err, want)
		}
	}
}

package cryptoki_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		want       error
		says       string
	}{
		{"missing", filepath.Join(dir, "missing.so"), fs.ErrNotExist, ""},
		{"a directory", dir, cryptoki.ErrNotLibrary, "is a directory"},
		{"empty", file("empty.so", nil), cryptoki.ErrNotLibrary, "is no ELF file"},
		{"no ELF file", file("text.so", []byte("no library")), cryptoki.ErrNotLibrary, "is no ELF file"},
		{"32 bits", file("32.so", elfHeader(1, 3, 3)), cryptoki.ErrNotLibrary, "32-bit"},
		{"another machine", file("s390.so", elfHeader(2, 3, 22)), cryptoki.ErrNotLibrary, "EM_S390"},
		{"a program", exe, cryptoki.ErrNotLibrary, "is no shared library"},
		{"another library", compiled(t, dir, "other", "int other(void){return 0;}"), cryptoki.ErrNotLibrary, "has no C_GetFunctionList"},
		{"a library that only asks for it", compiled(t, dir, "asks", "int C_GetFunctionList(void); int f(void){return C_GetFunctionList();}"),
			cryptoki.ErrNotLibrary, "has no C_GetFunctionList"},
		{"a library that lacks another", compiled(t, dir, "lacks", "extern int elsewhere; int *p=&elsewhere; int C_GetFunctionList(void){return 0;}"),
			cryptoki.ErrNotLibrary, "ldd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cryptoki.Open(tt.path)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.path) {
				t.Errorf("got %v, want %v: %s", err, tt.want, tt.says)
			}
		})
	}
}

// elfHeader is the header of an empty file of that class, type and machine.
func elfHeader(class byte, typ, machine uint16) []byte {
	b := bytes.NewBuffer([]byte{0x7f, 'E', 'L', 'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for _, v := range []uint16{typ, machine, 1, 0} {
		binary.Write(b, binary.LittleEndian, v)
	}
	size := map[byte]int{1: 52, 2: 64}[class]
	return append(b.Bytes(), make([]byte, size-b.Len())...)
}

func compiled(t *testing.T, dir, name, source string) string {
	t.Helper()
	path := filepath.Join(dir, name+".so")
	c := exec.Command("cc", "-shared", "-fPIC", "-nostdlib", "-o", path, "-x", "c", "-")
	c.Stdin = strings.NewReader(source)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	return path
}

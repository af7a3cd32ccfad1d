package cryptoki

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// Open loads the PKCS#11 library at path. It is not initialised yet. The error
// says what is wrong with the file, as far as the file itself tells.
func Open(path string) (Extended, error) {
	if l := newLibrary(path); l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("load PKCS#11 library %s: %w", path, whyNot(path))
}

// ErrNotLibrary: the file is there, but is no PKCS#11 library for this machine.
var ErrNotLibrary = errors.New("not a PKCS#11 library for this machine")

func whyNot(path string) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !strings.Contains(path, "/"):
		return fmt.Errorf("%w where the loader looks: give its whole path", fs.ErrNotExist)
	case errors.Is(err, fs.ErrNotExist):
		return fs.ErrNotExist
	}
	if err != nil {
		return fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return fmt.Errorf("is a directory: %w", ErrNotLibrary)
	}
	return fmt.Errorf("%s: %w", fault(f, path), ErrNotLibrary)
}

// fault says why the content of a file cannot be loaded.
func fault(content io.ReaderAt, path string) string {
	f, err := elf.NewFile(content)
	if err != nil {
		return "is no ELF file"
	}
	defer f.Close()
	switch {
	case f.Class != elf.ELFCLASS64:
		return "is a 32-bit library, this program has 64"
	case f.Machine != machines[runtime.GOARCH]:
		return fmt.Sprintf("is built for %s, this machine is %s", f.Machine, runtime.GOARCH)
	case f.Type != elf.ET_DYN:
		return "is no shared library"
	case !exports(f, "C_GetFunctionList"):
		return "has no C_GetFunctionList"
	}
	return "cannot be linked (try: ldd " + path + ")"
}

var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

func exports(f *elf.File, name string) bool {
	symbols, _ := f.DynamicSymbols() // none: the same answer
	for _, s := range symbols {
		if s.Name == name && s.Section != elf.SHN_UNDEF {
			return true
		}
	}
	return false
}

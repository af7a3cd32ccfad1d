package cryptoki

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/miekg/pkcs11"
)

// Open loads the PKCS#11 library at path. It is not initialised yet. The error
// says what is wrong with the file, as far as the file itself tells.
func Open(path string) (Module, error) {
	if ctx := pkcs11.New(path); ctx != nil {
		return ctx, nil
	}
	return nil, fmt.Errorf("load PKCS#11 library %s: %w", path, whyNot(path))
}

// ErrNotLibrary: the file is there, but is no PKCS#11 library for this machine.
var ErrNotLibrary = errors.New("not a PKCS#11 library for this machine")

func whyNot(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fs.ErrNotExist
	}
	if info.IsDir() {
		return fmt.Errorf("is a directory: %w", ErrNotLibrary)
	}
	f, err := elf.Open(path)
	if err != nil {
		return ErrNotLibrary
	}
	defer f.Close()
	symbols, _ := f.DynamicSymbols() // none: the same answer
	for _, s := range symbols {
		if s.Name == "C_GetFunctionList" {
			return fmt.Errorf("cannot be linked (try: ldd %s): %w", path, ErrNotLibrary)
		}
	}
	return fmt.Errorf("has no C_GetFunctionList: %w", ErrNotLibrary)
}

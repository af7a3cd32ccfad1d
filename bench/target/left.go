package target

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// hidden are the files of HSMs and of certificates, below the directory of a target: the
// tokens' hold keys, in the way of an HSM.
func hidden(name string) bool {
	return name == "pki" || name == "softhsm" || strings.HasPrefix(name, "token-")
}

// Files gives what the database engine has on disk, and what the process has left below its
// directory, which has the one for temporary files in it.
func (s *system) Files(ctx context.Context) (map[string][]byte, error) {
	if s.stores.driver == "mysql" && s.stores.server == nil {
		return nil, errors.New("the files of a MariaDB server that the bench has not started are out of its reach")
	}
	files, err := left(s.dir)
	if err != nil || s.stores.server == nil {
		return files, err
	}
	data, err := s.stores.server.DataFiles(ctx)
	for name, content := range data {
		files["mariadb/"+name] = content
	}
	return files, err
}

// left reads all regular files below a directory but the hidden ones.
func left(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone meanwhile
		case err != nil:
			return err
		case path != dir && hidden(e.Name()) && e.IsDir():
			return fs.SkipDir
		case !e.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		name, relErr := filepath.Rel(dir, path)
		files[name] = content
		return errors.Join(err, relErr)
	})
	return files, err
}

// Logs gives what both servers have logged, then what the process has printed.
func (s *system) Logs(context.Context) ([]byte, error) {
	all := s.log.bytes()
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		text, err := printed(f)
		if err != nil {
			return nil, err
		}
		all = append(append(all, text...), '\n')
	}
	return all, nil
}

// printed reads back what went to a stream that is a file, as it is in a child of the bench.
func printed(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
}

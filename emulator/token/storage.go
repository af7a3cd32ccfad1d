package token

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// storage keeps the files of one token. The slot's mutex guards it within the
// process, lock among processes: write, remove and list are called under both.
type storage interface {
	lock() (unlock func(), err error)
	// turn waits until no other process checks a PIN. Others may write meanwhile.
	turn() (done func(), err error)
	// read gives a file, or fs.ErrNotExist.
	read(file string) ([]byte, error)
	// write puts a whole file; it is durable when write returns, and there is
	// never a part of it.
	write(file string, content []byte) error
	// remove takes a file away, durably. A missing one is no error.
	remove(file string) error
	// extend writes records to a file that only grows, at its end: in place of what a killed
	// process has left of one. They survive SIGKILL. grown gives all from a byte on.
	extend(file string, end int64, records []byte) error
	grown(file string, from int64) ([]byte, error)
	// list names the files.
	list() ([]string, error)
	// changed tells whether another process has changed something since the
	// last list.
	changed() bool
}

// memory is storage that ends with the process.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *memory) lock() (func(), error) { return func() {}, nil }
func (m *memory) turn() (func(), error) { return func() {}, nil }
func (m *memory) changed() bool         { return false }

func (m *memory) read(file string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.files[file]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(content), nil
}

func (m *memory) write(file string, content []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[file] = bytes.Clone(content)
	return nil
}

func (m *memory) remove(file string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, file)
	return nil
}

// The token has the records itself.
func (m *memory) extend(string, int64, []byte) error  { return nil }
func (m *memory) grown(string, int64) ([]byte, error) { return nil, nil }

func (m *memory) list() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.files))
	for n := range m.files {
		names = append(names, n)
	}
	return names, nil
}

// directory is storage that survives SIGKILL at any moment: a file appears
// whole, by renaming, or not at all; one that is extended has whole records, and
// perhaps half a last one. The lock file counts the changes but those, each
// before it is made, so that a process sees what another did, or began.
type directory struct {
	path  string
	gate  *os.File // the lock file
	known uint64   // count at the last list, or at the last change of ours
}

const (
	lockFile  = "lock"
	newPrefix = ".new-"
)

func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("token directory: %w", err)
	}
	gate, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("token directory: %w", err)
	}
	d := &directory{path: path, gate: gate}
	unlock, err := d.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return d, d.sweep()
}

// sweep removes what a killed process left half written. Nobody writes now: the
// caller has the lock.
func (d *directory) sweep() error {
	left, err := filepath.Glob(filepath.Join(d.path, newPrefix+"*"))
	if err != nil {
		return err
	}
	for _, file := range left {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("token directory: %w", err)
		}
	}
	return nil
}

func (d *directory) lock() (func(), error) {
	if err := flock(d.gate, unix.LOCK_EX); err != nil {
		return nil, err
	}
	return func() { flock(d.gate, unix.LOCK_UN) }, nil
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// turn locks the first byte of the lock file, which is independent of lock.
func (d *directory) turn() (func(), error) {
	if err := d.firstByte(unix.F_WRLCK); err != nil {
		return nil, err
	}
	return func() { d.firstByte(unix.F_UNLCK) }, nil
}

func (d *directory) firstByte(how int16) error {
	for {
		err := unix.FcntlFlock(d.gate.Fd(), unix.F_OFD_SETLKW, &unix.Flock_t{Type: how, Whence: io.SeekStart, Len: 1})
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", d.gate.Name(), err)
		}
	}
}

// count is the number of changes made or begun.
func (d *directory) count() uint64 {
	var b [8]byte
	if n, _ := d.gate.ReadAt(b[:], 0); n < len(b) {
		return 0
	}
	return binary.BigEndian.Uint64(b[:])
}

// begin counts a change that comes now.
func (d *directory) begin() error {
	next := d.count() + 1
	if _, err := d.gate.WriteAt(binary.BigEndian.AppendUint64(nil, next), 0); err != nil {
		return err
	}
	d.known = next
	return nil
}

func (d *directory) changed() bool { return d.count() != d.known }

func (d *directory) read(file string) ([]byte, error) {
	path := filepath.Join(d.path, file)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file of this token", path)
	}
	return os.ReadFile(path)
}

func (d *directory) write(file string, content []byte) error {
	if err := d.begin(); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.path, newPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(d.path, file))
	}
	if err != nil {
		return err
	}
	return d.sync()
}

func (d *directory) remove(file string) error {
	if err := d.begin(); err != nil {
		return err
	}
	err := os.Remove(filepath.Join(d.path, file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.sync()
}

// extend does not wait for the disk: session keys would wait for it with every use.
func (d *directory) extend(file string, end int64, records []byte) error {
	f, err := os.OpenFile(filepath.Join(d.path, file), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(records, end)
	return errors.Join(err, f.Close())
}

func (d *directory) grown(file string, from int64) ([]byte, error) {
	path := filepath.Join(d.path, file)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() <= from:
		return nil, nil
	case err != nil:
		return nil, err
	case info.Size() > maxPast*recordSize || !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a file of this token", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	more := make([]byte, info.Size()-from)
	_, err = io.ReadFull(io.NewSectionReader(f, from, info.Size()-from), more)
	return more, err
}

// sync makes the directory's entries durable.
func (d *directory) sync() error {
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (d *directory) list() ([]string, error) {
	d.known = d.count()
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Name() != lockFile && !strings.HasPrefix(e.Name(), newPrefix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

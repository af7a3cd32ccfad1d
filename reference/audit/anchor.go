package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/epsbench/epsbench/reference/store"
)

// Head is what leaves the database of each group.
type Head struct {
	Node  string `json:"node"`
	Group uint64 `json:"group"`
	Last  uint64 `json:"last"` // sequence number of its last record
	MAC   []byte `json:"mac"`
}

func headOf(g store.AuditGroup) Head {
	return Head{Node: g.Node, Group: g.Group, Last: g.Last, MAC: g.MAC}
}

func (h Head) same(other Head) bool {
	return h.Node == other.Node && h.Group == other.Group && h.Last == other.Last && equal(h.MAC, other.MAC)
}

// Anchor keeps heads where whoever can write to the database cannot: another disk,
// another machine, a medium that is written once.
type Anchor interface {
	// Append returns when the head is durable.
	Append(Head) error
	// Heads gives the heads of all nodes in the order of appending.
	Heads() iter.Seq2[Head, error]
}

// lastHead gives the head of a node's newest group; its Node alone where there is none.
// It need not stand last: of two processes one may append late.
func lastHead(a Anchor, node string) (Head, error) {
	last := Head{Node: node}
	for h, err := range a.Heads() {
		if err != nil {
			return Head{}, err
		}
		if h.Node == node && h.Group >= last.Group {
			last = h
		}
	}
	return last, nil
}

// File is an Anchor in a file that is only ever appended to: one JSON line a head.
// Several processes may share it.
type File struct {
	path string
	mu   sync.Mutex
}

// FileAnchor keeps the heads in a file, which the first Append makes.
func FileAnchor(path string) *File { return &File{path: path} }

// Append implements Anchor.
func (a *File) Append(h Head) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := a.open()
	if err != nil {
		return fmt.Errorf("audit anchor: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	line, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("audit anchor: %w", err)
	}
	if err := write(f, append(line, '\n')); err != nil {
		return fmt.Errorf("audit anchor: %w", err)
	}
	return nil
}

func (a *File) open() (*os.File, error) {
	const flags = os.O_RDWR | os.O_APPEND
	f, err := os.OpenFile(a.path, flags, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if f, err = os.OpenFile(a.path, flags|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	// The name of the new file must outlive a crash too.
	if err := syncDir(filepath.Dir(a.path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// write appends a line after whatever whole lines there are, and syncs.
func write(f *os.File, line []byte) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil { // until Close
		return err
	}
	if err := dropTorn(f); err != nil {
		return err
	}
	if _, err := f.Write(line); err != nil {
		return err
	}
	return f.Sync()
}

// dropTorn cuts off a last line without its end: what a crash left of a head whose
// Append never returned.
func dropTorn(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(size, lineLimit))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && len(tail) > 0 {
		return err
	}
	if len(tail) == 0 || tail[len(tail)-1] == '\n' {
		return nil
	}
	end := bytes.LastIndexByte(tail, '\n')
	if end < 0 && size > lineLimit {
		return errors.New("the last line is too long to be a head")
	}
	return f.Truncate(size - int64(len(tail)-end-1))
}

// Heads implements Anchor. A file that is not there holds none.
func (a *File) Heads() iter.Seq2[Head, error] {
	return func(yield func(Head, error) bool) {
		f, err := os.Open(a.path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Head{}, fmt.Errorf("audit anchor: %w", err))
			return
		}
		defer func() { _ = f.Close() }() // only read
		for h, err := range decode(f) {
			if err != nil {
				err = fmt.Errorf("audit anchor %s: %w", a.path, err)
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

// lineLimit is more than any head needs: 64 characters of node, escaped, two numbers, a MAC.
const lineLimit = 2048

// decode reads heads, one a line. A last line without its end is a torn one and left
// out; any other line must be exactly what Append writes.
func decode(r io.Reader) iter.Seq2[Head, error] {
	return func(yield func(Head, error) bool) {
		in := bufio.NewReaderSize(r, lineLimit)
		for n := 1; ; n++ {
			line, err := in.ReadSlice('\n')
			if errors.Is(err, io.EOF) {
				return
			}
			var h Head
			if err == nil {
				h, err = decodeHead(line[:len(line)-1])
			}
			if err != nil {
				yield(Head{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(h, nil) {
				return
			}
		}
	}
}

func decodeHead(line []byte) (h Head, err error) {
	if err := json.Unmarshal(line, &h); err != nil {
		return Head{}, fmt.Errorf("not a head: %w", err)
	}
	again, err := json.Marshal(h)
	if err != nil || !bytes.Equal(again, line) || h.Group == 0 || h.Last < h.Group {
		return Head{}, errors.New("not a head as this program writes it")
	}
	return h, nil
}

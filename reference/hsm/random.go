package hsm

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/epsbench/epsbench/reference"
)

// random mixes the token's random bytes with the operating system's, so that neither a
// token that repeats itself nor a process that was copied repeats a PIN, RC or salt.
type random struct {
	mu      sync.Mutex
	session *Session // of its own: Read may be called inside a Do
	counter uint64
}

// Random is the source of every random byte that the host uses: blocks of
// SHA-256(HSM random ‖ OS random ‖ process id ‖ counter).
func (h *HSM) Random() io.Reader { return h.random }

// Read fills p, or fails with reference.ErrUnavailable.
func (r *random) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for rest := p; len(rest) > 0; {
		b, err := r.next()
		if err != nil {
			return 0, fmt.Errorf("%w: random bytes of the HSM: %w", reference.ErrUnavailable, err)
		}
		rest = rest[copy(rest, b[:]):]
		clear(b[:])
	}
	return len(p), nil
}

func (r *random) next() ([sha256.Size]byte, error) {
	drawn, err := r.draw()
	if lost(err) {
		h := r.session.h
		if err := h.recover(r.session.generation, err); err != nil {
			return [sha256.Size]byte{}, err
		}
		drawn, err = r.draw()
	}
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	r.counter++
	var own [sha256.Size]byte
	rand.Read(own[:]) // does not fail: crypto/rand ends the process instead
	mixed := slices.Concat(drawn, own[:])
	mixed = binary.BigEndian.AppendUint64(mixed, uint64(os.Getpid()))
	mixed = binary.BigEndian.AppendUint64(mixed, r.counter)
	sum := sha256.Sum256(mixed)
	clear(drawn)
	clear(own[:])
	clear(mixed)
	return sum, nil
}

// draw takes a block of the token's random bytes.
func (r *random) draw() (b []byte, err error) {
	err = r.session.run(func(s *Session) error {
		b, err = s.m.GenerateRandom(s.handle, sha256.Size)
		if err == nil && len(b) != sha256.Size {
			err = fmt.Errorf("%d bytes where %d are due", len(b), sha256.Size)
		}
		return err
	})
	return b, err
}

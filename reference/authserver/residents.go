package authserver

import (
	"bytes"
	"container/list"
	"errors"
	"fmt"
	"sync"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// errOld is a row older than one that this process has written: the database went back.
var errOld = errors.New("row is older than the last one written")

// residents keeps the TOKs of the users last seen as handles in the HSM, at most
// limit of them. A handle belongs to a token and its blob; the version of the row
// last written goes with it, so that a row put back to an earlier, genuine state is
// noticed while its user is in the cache.
type residents struct {
	hsm   *hsm.HSM
	limit int

	mu     sync.Mutex
	tokens map[reference.TokenID]*list.Element // of *resident
	recent *list.List                          // most recent first
}

type resident struct {
	token   reference.TokenID
	blob    []byte
	version uint64
	tok     *held
	users   int  // who works with the key now
	gone    bool // out of the cache; the last user forgets it
}

func newResidents(h *hsm.HSM, limit int) *residents {
	return &residents{hsm: h, limit: limit, tokens: map[reference.TokenID]*list.Element{}, recent: list.New()}
}

// take gives the TOK of c; release must follow when it is no longer worked with.
func (r *residents) take(c store.Credential) (tok *held, release func(), err error) {
	r.mu.Lock()
	n, doomed, err := r.find(c)
	r.mu.Unlock()
	forget(doomed)
	if err != nil {
		return nil, nil, err
	}
	return n.tok, func() { r.release(n) }, nil
}

// find gives the entry of c, new if need be, in use by the caller, and the entries
// that nobody needs any more. r.mu is held.
func (r *residents) find(c store.Credential) (n *resident, doomed []*resident, err error) {
	var version uint64 // goes on when the blob changes: nobody has believed this row yet
	if e, ok := r.tokens[c.Token]; ok {
		n = e.Value.(*resident)
		if c.Version < n.version {
			return nil, nil, fmt.Errorf("version %d after %d: %w", c.Version, n.version, errOld)
		}
		if bytes.Equal(n.blob, c.Blob) {
			n.users++
			r.recent.MoveToFront(e)
			return n, nil, nil
		}
		version, doomed = n.version, r.remove(e)
	}
	n = &resident{token: c.Token, blob: c.Blob, version: version, users: 1}
	n.tok = newHeld(r.hsm, "TOK "+string(c.Token), loadTOK(c))
	r.tokens[c.Token] = r.recent.PushFront(n)
	for r.recent.Len() > r.limit {
		doomed = append(doomed, r.remove(r.recent.Back())...)
	}
	return n, doomed, nil
}

// remove takes an entry out, and gives it back if nobody uses it. r.mu is held.
func (r *residents) remove(e *list.Element) []*resident {
	n := r.recent.Remove(e).(*resident)
	delete(r.tokens, n.token)
	n.gone = true
	if n.users > 0 {
		return nil
	}
	return []*resident{n}
}

func (r *residents) release(n *resident) {
	r.mu.Lock()
	n.users--
	last := n.gone && n.users == 0
	r.mu.Unlock()
	if last {
		forget([]*resident{n})
	}
}

// wrote notes that the row of a token has got a new version.
func (r *residents) wrote(token reference.TokenID, version uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.tokens[token]; ok {
		n := e.Value.(*resident)
		n.version = max(n.version, version)
	}
}

// drop ends the residence of a token that will not be validated any more.
func (r *residents) drop(token reference.TokenID) {
	r.mu.Lock()
	var doomed []*resident
	if e, ok := r.tokens[token]; ok {
		doomed = r.remove(e)
	}
	r.mu.Unlock()
	forget(doomed)
}

func (r *residents) clear() {
	r.mu.Lock()
	var doomed []*resident
	for r.recent.Len() > 0 {
		doomed = append(doomed, r.remove(r.recent.Back())...)
	}
	r.mu.Unlock()
	forget(doomed)
}

// forget destroys handles. The HSM is called without r.mu, so that nobody waits for it.
func forget(doomed []*resident) {
	for _, n := range doomed {
		n.tok.forget()
	}
}

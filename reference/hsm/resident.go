package hsm

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Resident is a key that many requests use: a permanent one that was looked up, or a
// session key in the owner session. It is loaded on first use, and again when the login
// under which it was loaded is lost.
type Resident struct {
	h      *HSM
	name   string
	load   func(*Session) (Key, error)
	mu     sync.Mutex // one load at a time
	loaded atomic.Pointer[loadedKey]
}

type loadedKey struct {
	key        Key
	generation uint64
}

// Resident says how a key is loaded; nothing happens before Key is called. load calls
// only methods of the session it gets, and may be called again.
func (h *HSM) Resident(name string, load func(*Session) (Key, error)) *Resident {
	return &Resident{h: h, name: name, load: load}
}

// Key gives the handle. Inside a Do, call it each time fn runs: after a loss it is
// another one.
func (r *Resident) Key(ctx context.Context) (Key, error) {
	if err := ctx.Err(); err != nil {
		return Key{}, err
	}
	if key, ok := r.current(); ok {
		return key, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if key, ok := r.current(); ok {
		return key, nil
	}
	loaded, err := r.h.keep(r.load)
	if err != nil {
		return Key{}, fmt.Errorf("load key %s: %w", r.name, err)
	}
	r.loaded.Store(&loaded)
	return loaded.key, nil
}

func (r *Resident) current() (Key, bool) {
	l := r.loaded.Load()
	if l == nil || l.generation != r.h.generation.Load() {
		return Key{}, false
	}
	return l.key, true
}

// keep runs load in the owner session and keeps the one key that it returns.
func (h *HSM) keep(load func(*Session) (Key, error)) (loadedKey, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key, err := h.loadLocked(load)
	if lost(err) {
		if err := h.recoverLocked(h.generation.Load(), err); err != nil {
			return loadedKey{}, err
		}
		key, err = h.loadLocked(load)
	}
	return loadedKey{key, h.generation.Load()}, err
}

func (h *HSM) loadLocked(load func(*Session) (Key, error)) (Key, error) {
	key, err := load(h.owner)
	h.owner.forget(key.handle)
	if cleaned := h.owner.cleanUp(); err == nil {
		err = cleaned
	}
	return key, err
}

// Forget ends the key now; a later Key loads it again. A Do that is using it asks again.
// Not to be called from load.
func (r *Resident) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.loaded.Swap(nil)
	if l == nil {
		return
	}
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	if l.generation == r.h.generation.Load() {
		_ = r.h.owner.Destroy(l.key) // one that is gone already is no concern
	}
}

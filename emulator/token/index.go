package token

import (
	"sync"

	"github.com/miekg/pkcs11"
)

// index finds objects by label and by id. Objects that have neither, as most
// session keys, never touch it.
type index struct {
	mu    sync.RWMutex
	found map[indexKey]map[uint]struct{}
}

type indexKey struct {
	typ   uint
	value string
}

var indexed = []uint{pkcs11.CKA_LABEL, pkcs11.CKA_ID}

func (x *index) add(o *object) {
	for _, typ := range indexed {
		if v := o.text(typ); len(v) > 0 {
			x.put(indexKey{typ, string(v)}, o.handle)
		}
	}
}

func (x *index) put(k indexKey, handle uint) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.found == nil {
		x.found = make(map[indexKey]map[uint]struct{})
	}
	if x.found[k] == nil {
		x.found[k] = make(map[uint]struct{})
	}
	x.found[k][handle] = struct{}{}
}

func (x *index) remove(o *object) {
	for _, typ := range indexed {
		if v := o.text(typ); len(v) > 0 {
			x.drop(indexKey{typ, string(v)}, o.handle)
		}
	}
}

func (x *index) drop(k indexKey, handle uint) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.found[k], handle)
	if len(x.found[k]) == 0 {
		delete(x.found, k)
	}
}

// lookup gives the handles of a search that names a label or an id; ok is false
// when it names neither.
func (x *index) lookup(want []attribute) (handles []uint, ok bool) {
	for _, typ := range indexed {
		for _, w := range want {
			if w.typ == typ && len(w.value) > 0 {
				return x.handles(indexKey{typ, string(w.value)}), true
			}
		}
	}
	return nil, false
}

func (x *index) handles(k indexKey) []uint {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]uint, 0, len(x.found[k]))
	for h := range x.found[k] {
		out = append(out, h)
	}
	return out
}

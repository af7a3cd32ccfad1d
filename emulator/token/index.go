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

// replace makes change, which puts one state of an object in the place of
// another, and follows it: a search finds the object before and after, under what
// it then is. Either state may be nil. False is what change gave.
func (x *index) replace(old, now *object, change func() bool) bool {
	gone, come := keysOf(old), keysOf(now)
	if len(gone)+len(come) == 0 {
		return change()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !change() {
		return false
	}
	for _, k := range gone {
		delete(x.found[k], old.handle)
		if len(x.found[k]) == 0 {
			delete(x.found, k)
		}
	}
	for _, k := range come {
		x.put(k, now.handle)
	}
	return true
}

// keysOf are the entries of an object.
func keysOf(o *object) []indexKey {
	if o == nil {
		return nil
	}
	var keys []indexKey
	for _, typ := range indexed {
		if v := o.text(typ); len(v) > 0 {
			keys = append(keys, indexKey{typ, string(v)})
		}
	}
	return keys
}

func (x *index) put(k indexKey, handle uint) {
	if x.found == nil {
		x.found = make(map[indexKey]map[uint]struct{})
	}
	if x.found[k] == nil {
		x.found[k] = make(map[uint]struct{})
	}
	x.found[k][handle] = struct{}{}
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

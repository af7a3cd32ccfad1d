package token

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"
)

// index finds objects by label and by id. Objects that have neither, as most
// session keys, never touch it. It keeps digests instead of values, which a million
// objects feel: who looks up must still compare.
type index struct {
	mu    sync.RWMutex
	found map[digest]handleSet
}

// digest stands for an attribute and its value.
type digest uint64

var (
	indexed   = []uint{pkcs11.CKA_LABEL, pkcs11.CKA_ID}
	indexSeed = maphash.MakeSeed()
)

func digestOf(typ uint, value []byte) digest {
	return digest(maphash.Bytes(indexSeed, value) ^ uint64(typ))
}

// handleSet is mostly one handle: labels and ids are to tell objects apart.
type handleSet struct {
	one  uint // 0: none
	more map[uint]struct{}
}

func (s handleSet) with(handle uint) handleSet {
	switch {
	case s.one == 0 || s.one == handle:
		s.one = handle
	case s.more == nil:
		s.more = map[uint]struct{}{handle: {}}
	default:
		s.more[handle] = struct{}{}
	}
	return s
}

func (s handleSet) without(handle uint) handleSet {
	if s.one != handle {
		delete(s.more, handle)
		return s
	}
	s.one = 0
	for h := range s.more {
		s.one = h
		delete(s.more, h)
		break
	}
	return s
}

func (s handleSet) size() int {
	if s.one == 0 {
		return 0
	}
	return 1 + len(s.more)
}

func (s handleSet) list() []uint {
	out := make([]uint, 0, s.size())
	if s.one != 0 {
		out = append(out, s.one)
	}
	for h := range s.more {
		out = append(out, h)
	}
	return out
}

// replace makes change, which puts one state of an object in the place of
// another, and follows it: a search finds the object before and after, under what
// it then is. Either state may be nil. False is what change gave.
func (x *index) replace(old, now *object, change func() bool) bool {
	gone, come := old.digests(), now.digests()
	if len(gone)+len(come) == 0 {
		return change()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !change() {
		return false
	}
	for _, d := range gone {
		if left := x.found[d].without(old.handle); left.size() > 0 {
			x.found[d] = left
		} else {
			delete(x.found, d)
		}
	}
	for _, d := range come {
		if x.found == nil {
			x.found = make(map[digest]handleSet)
		}
		x.found[d] = x.found[d].with(now.handle)
	}
	return true
}

// digests are the entries of an object.
func (o *object) digests() []digest {
	if o == nil {
		return nil
	}
	var out []digest
	for _, typ := range indexed {
		if v := o.text(typ); len(v) > 0 {
			out = append(out, digestOf(typ, v))
		}
	}
	return out
}

// lookup gives the handles that a search by label or id has to look at, by whichever
// leaves fewer; ok is false when it names neither.
func (x *index) lookup(want []attribute) (handles []uint, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var fewest handleSet
	for _, w := range want {
		if len(w.value) == 0 || !slices.Contains(indexed, w.typ) {
			continue
		}
		if s := x.found[digestOf(w.typ, w.value)]; !ok || s.size() < fewest.size() {
			fewest, ok = s, true
		}
	}
	return fewest.list(), ok
}

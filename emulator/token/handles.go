package token

import (
	"sync"
	"sync/atomic"
)

const pageSize = 256

// handles maps handles to values. Handles count up and are never used again.
// Reading takes no lock, so that many goroutines share one key without
// meeting; writing takes one only where a page begins or ends.
type handles[T any] struct {
	last  atomic.Uint64
	pages atomic.Pointer[[]atomic.Pointer[page[T]]]
	mu    sync.Mutex // guards growth and removal of pages
}

type page[T any] struct {
	entries [pageSize]atomic.Pointer[T]
	removed atomic.Int32
}

// reserve hands out the next handle; nothing is found there until put.
func (h *handles[T]) reserve() uint { return uint(h.last.Add(1)) }

// put stores v under a reserved handle.
func (h *handles[T]) put(handle uint, v *T) {
	h.page(handle).entries[handle%pageSize].Store(v)
}

// get finds a value, nil when there is none.
func (h *handles[T]) get(handle uint) *T {
	p := h.find(handle)
	if p == nil {
		return nil
	}
	return p.entries[handle%pageSize].Load()
}

// replace puts now in the place of old, unless somebody was quicker.
func (h *handles[T]) replace(handle uint, old, now *T) bool {
	p := h.find(handle)
	return p != nil && p.entries[handle%pageSize].CompareAndSwap(old, now)
}

// remove takes a value out, unless it is no longer there.
func (h *handles[T]) remove(handle uint, v *T) bool {
	p := h.find(handle)
	if p == nil || !p.entries[handle%pageSize].CompareAndSwap(v, nil) {
		return false
	}
	if p.removed.Add(1) == pageSize {
		h.drop(handle / pageSize)
	}
	return true
}

// each calls f for every value, by ascending handle.
func (h *handles[T]) each(f func(v *T)) {
	pages := h.pages.Load()
	if pages == nil {
		return
	}
	for i := range *pages {
		p := (*pages)[i].Load()
		if p == nil {
			continue
		}
		for j := range p.entries {
			if v := p.entries[j].Load(); v != nil {
				f(v)
			}
		}
	}
}

func (h *handles[T]) find(handle uint) *page[T] {
	pages := h.pages.Load()
	if pages == nil || handle/pageSize >= uint(len(*pages)) {
		return nil
	}
	return (*pages)[handle/pageSize].Load()
}

// page finds or makes the page of a reserved handle.
func (h *handles[T]) page(handle uint) *page[T] {
	if p := h.find(handle); p != nil {
		return p
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	pages := h.grown(handle / pageSize)
	p := pages[handle/pageSize].Load()
	if p == nil {
		p = new(page[T])
		if handle < pageSize {
			p.removed.Store(1) // handle 0 is never given out
		}
		pages[handle/pageSize].Store(p)
	}
	return p
}

// grown is the directory with room for entry n.
func (h *handles[T]) grown(n uint) []atomic.Pointer[page[T]] {
	var pages []atomic.Pointer[page[T]]
	if p := h.pages.Load(); p != nil {
		pages = *p
	}
	if n < uint(len(pages)) {
		return pages
	}
	larger := make([]atomic.Pointer[page[T]], max(16, 2*n))
	for i := range pages {
		larger[i].Store(pages[i].Load())
	}
	h.pages.Store(&larger)
	return larger
}

func (h *handles[T]) drop(n uint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	(*h.pages.Load())[n].Store(nil)
}

package hsm

// Forget ends the key before its login does; a later Key loads it again. A key that
// is gone already is no concern. Not to be called from load.
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
		_ = r.h.owner.Destroy(l.key)
	}
}

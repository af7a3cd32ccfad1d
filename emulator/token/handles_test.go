package token

import (
	"testing"

	"pgregory.net/rapid"
)

// A table of handles behaves as a map whose keys are never used again.
func TestHandles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h handles[int]
		there, last := map[uint]*int{}, uint(0)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				for range rapid.SampledFrom([]int{1, 1, pageSize}).Draw(t, "times") {
					handle, v := h.reserve(), new(int)
					if handle <= last {
						t.Fatalf("handle %d after %d", handle, last)
					}
					last, there[handle] = handle, v
					h.put(handle, v)
				}
			},
			"replace": func(t *rapid.T) {
				handle, now := rapid.UintRange(0, last+1).Draw(t, "handle"), new(int)
				if v := there[handle]; v != nil {
					if !h.replace(handle, v, now) {
						t.Fatalf("replacing %d", handle)
					}
					there[handle] = now
				}
			},
			"replace what is not there": func(t *rapid.T) {
				if handle := rapid.UintRange(0, last+1).Draw(t, "handle"); h.replace(handle, new(int), new(int)) || h.remove(handle, new(int)) {
					t.Fatalf("took another value for that of %d", handle)
				}
			},
			"remove": func(t *rapid.T) {
				first := rapid.UintRange(0, last+1).Draw(t, "handle")
				for handle := first; handle < first+rapid.SampledFrom([]uint{1, 2 * pageSize}).Draw(t, "many"); handle++ {
					if v := there[handle]; v != nil && (!h.remove(handle, v) || h.remove(handle, v)) {
						t.Fatalf("removing %d", handle)
					}
					delete(there, handle)
				}
			},
			"": func(t *rapid.T) {
				n := 0
				h.each(func(*int) { n++ })
				if n != len(there) {
					t.Fatalf("%d values, want %d", n, len(there))
				}
				for handle := uint(0); handle <= last+1; handle++ {
					if h.get(handle) != there[handle] {
						t.Fatalf("another value under %d", handle)
					}
				}
			},
		})
	})
}

package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// place is something that is searched: a column, a file, a log, a message.
type place struct {
	name string
	data []byte
}

// hunt looks for many needles at once. Every pattern is at least as long as a head.
type hunt struct {
	patterns []pattern
	heads    map[uint64][]pattern
	starts   [1 << 16]bool // of the heads' first two bytes: spares most look-ups
}

const head = 8 // bytes

func newHunt(needles ...needle) *hunt {
	h := &hunt{heads: map[uint64][]pattern{}}
	seen := map[string]bool{}
	for _, n := range needles {
		for _, p := range n.patterns() {
			if seen[string(p.text)] {
				continue // in both alphabets of base64
			}
			seen[string(p.text)] = true
			first := binary.LittleEndian.Uint64(p.text)
			h.heads[first] = append(h.heads[first], p)
			h.starts[uint16(first)] = true
			h.patterns = append(h.patterns, p)
		}
	}
	return h
}

// in gives the patterns that are in data, each once.
func (h *hunt) in(data []byte) []pattern {
	var found []pattern
	seen := map[string]bool{}
	for i := 0; i+head <= len(data); i++ {
		first := binary.LittleEndian.Uint64(data[i:])
		if !h.starts[uint16(first)] {
			continue
		}
		for _, p := range h.heads[first] {
			if p.at(data, i) && !seen[string(p.text)] {
				seen[string(p.text)] = true
				found = append(found, p)
			}
		}
	}
	return found
}

func (p pattern) at(data []byte, i int) bool {
	if !bytes.HasPrefix(data[i:], p.text) {
		return false
	}
	end := i + len(p.text)
	return !p.alone || (i == 0 || !isDigit(data[i-1])) && (end == len(data) || !isDigit(data[end]))
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// planted is a copy of data with every pattern in it, spread over its length.
func (h *hunt) planted(data []byte) []byte {
	out := make([]byte, 0, len(data)+64*len(h.patterns))
	from := 0
	for i, p := range h.patterns {
		to := len(data) * (i + 1) / (len(h.patterns) + 1)
		out = append(append(out, data[from:to]...), '\n')
		out = append(append(out, p.text...), '\n')
		from = to
	}
	return append(out, data[from:]...)
}

// expectNothing fails for each needle in a place. First it shows that it would have found
// it: in a copy of each place with every pattern planted, every pattern is found.
func (h *hunt) expectNothing(places []place) {
	GinkgoHelper()
	Expect(h.patterns).NotTo(BeEmpty(), "nothing to look for")
	Expect(places).NotTo(BeEmpty(), "nowhere to look")
	size := 0
	var finds []string
	for _, p := range places {
		size += len(p.data)
		Expect(h.in(h.planted(p.data))).To(HaveLen(len(h.patterns)), "patterns found again after they were planted in a copy of %s", p.name)
		for _, f := range h.in(p.data) {
			finds = append(finds, fmt.Sprintf("%s in %s", f, p.name))
		}
	}
	Expect(finds).To(BeEmpty(), "%s", strings.Join(finds[:min(len(finds), 3)], "; "))
	observeSearch(len(h.patterns), len(places), size)
}

// Package hunt searches for secrets in what a target stores, logs and says, in the
// encodings that programs use.
//
// Start at For: a Hunt for Needles. ExpectNothing searches Places and shows beside that
// it would have found what it did not find.
package hunt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// Place is something that is searched: a column, a file, a log, a message.
type Place struct {
	Name string
	Data []byte
}

// Hunt looks for many needles at once. Every pattern is at least as long as a head.
type Hunt struct {
	patterns []pattern
	heads    map[uint64][]pattern
	starts   [1 << 16]bool // of the heads' first two bytes: spares most look-ups
}

const head = 8 // bytes

// For makes a hunt for needles.
func For(needles ...Needle) *Hunt {
	h := &Hunt{heads: map[uint64][]pattern{}}
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
func (h *Hunt) in(data []byte) []pattern {
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
func (h *Hunt) planted(data []byte) []byte {
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

// Found tells whether any needle is in data, however written.
func (h *Hunt) Found(data []byte) bool { return len(h.in(data)) > 0 }

// ExpectInUse fails where a public value, such as the id of a token, is in none of a group
// of places: then they are not those that the target writes to.
func ExpectInUse(value string, groups ...[]Place) {
	GinkgoHelper()
	for _, group := range groups {
		used := slices.ContainsFunc(group, func(p Place) bool { return bytes.Contains(p.Data, []byte(value)) })
		Expect(used).To(BeTrue(), "the id of a token is not in %s, nor in %d more places like it", group[0].Name, len(group)-1)
	}
}

// ExpectNothing fails for each needle in a place. First it shows that it would have found
// it: in a copy of each place with every pattern planted, every pattern is found.
func (h *Hunt) ExpectNothing(places []Place) {
	GinkgoHelper()
	Expect(h.patterns).NotTo(BeEmpty(), "nothing to look for")
	Expect(places).NotTo(BeEmpty(), "nowhere to look")
	size := 0
	var finds []string
	for _, p := range places {
		size += len(p.Data)
		Expect(h.in(h.planted(p.Data))).To(HaveLen(len(h.patterns)), "patterns found again after they were planted in a copy of %s", p.Name)
		for _, f := range h.in(p.Data) {
			finds = append(finds, fmt.Sprintf("%s in %s", f, p.Name))
		}
	}
	Expect(finds).To(BeEmpty(), "%s", strings.Join(finds[:min(len(finds), 3)], "; "))
	conformance.Observe("%d patterns searched in %d places with %d bytes, none found; each was found in a copy of each place where it had been planted",
		len(h.patterns), len(places), size)
}

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
	"iter"
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
	first    map[uint64]int32 // by its head, the newest pattern: its index + 1
	next     []int32          // by pattern, the next older one of the same head, likewise; 0: none
	starts   [1 << 16]bool    // of the heads' first two bytes: spares most look-ups
}

const head = 8 // bytes

// For makes a hunt for needles.
func For(needles ...Needle) *Hunt {
	h := &Hunt{first: map[uint64]int32{}}
	for _, n := range needles {
		for _, p := range n.patterns() {
			if !h.has(p) { // base64 may be the same in both alphabets
				h.add(p)
			}
		}
	}
	return h
}

func (h *Hunt) add(p pattern) {
	start := binary.LittleEndian.Uint64(p.text)
	h.patterns, h.next = append(h.patterns, p), append(h.next, h.first[start])
	h.first[start] = int32(len(h.patterns))
	h.starts[uint16(start)] = true
}

// starting gives the patterns with a head, by their index, the newest first.
func (h *Hunt) starting(head uint64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := h.first[head]; i > 0 && yield(i-1); i = h.next[i-1] {
		}
	}
}

func (h *Hunt) has(p pattern) bool {
	for i := range h.starting(binary.LittleEndian.Uint64(p.text)) {
		if bytes.Equal(h.patterns[i].text, p.text) {
			return true
		}
	}
	return false
}

// in gives the patterns that are in data, each once.
func (h *Hunt) in(data []byte) []*pattern {
	var found []*pattern
	seen := make([]bool, len(h.patterns))
	for at := 0; at+head <= len(data); at++ {
		start := binary.LittleEndian.Uint64(data[at:])
		if !h.starts[uint16(start)] {
			continue
		}
		for i := range h.starting(start) {
			if p := &h.patterns[i]; !seen[i] && p.at(data, at) {
				seen[i] = true
				found = append(found, p)
			}
		}
	}
	return found
}

func (p *pattern) at(data []byte, i int) bool {
	if !bytes.HasPrefix(data[i:], p.text) {
		return false
	}
	end := i + len(p.text)
	return !p.alone || (i == 0 || !isDigit(data[i-1])) && (end == len(data) || !isDigit(data[end]))
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// planted appends to out a copy of data with every pattern in it, spread over its length.
func (h *Hunt) planted(out, data []byte) []byte {
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
	var planted []byte
	for _, p := range places {
		size += len(p.Data)
		planted = h.planted(planted[:0], p.Data)
		Expect(h.in(planted)).To(HaveLen(len(h.patterns)), "patterns found again after they were planted in a copy of %s", p.Name)
		for _, f := range h.in(p.Data) {
			finds = append(finds, fmt.Sprintf("%s in %s", f, p.Name))
		}
	}
	Expect(finds).To(BeEmpty(), "%s", strings.Join(finds[:min(len(finds), 3)], "; "))
	conformance.Observe("%d patterns searched in %d places with %d bytes, none found; each was found in a copy of each place where it had been planted",
		len(h.patterns), len(places), size)
}

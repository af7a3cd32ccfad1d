package mpp

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// parts takes a request to pieces without understanding them.
func parts(body []byte) (header []any, box []byte) {
	GinkgoHelper()
	var outer [2][]byte
	if err := cbor.Unmarshal(body, &outer); err != nil {
		conformance.Broken("the phone's request: %v", err)
	}
	if err := cbor.Unmarshal(outer[0], &header); err != nil {
		conformance.Broken("the phone's request header: %v", err)
	}
	return header, outer[1]
}

func join(header []any, box []byte) []byte { return encode([]any{encode(header), box}) }

func encode(v any) []byte {
	GinkgoHelper()
	b, err := cbor.Marshal(v)
	if err != nil {
		conformance.Broken("CBOR: %v", err)
	}
	return b
}

// spliced are requests made of two sessions' pieces.
func spliced(a, b []byte) []try {
	GinkgoHelper()
	ha, boxA := parts(a)
	hb, boxB := parts(b)
	tries := []try{
		{"the header of one session with the box of another", join(ha, boxB)},
		{"the box of one session under the header of another", join(hb, boxA)},
	}
	for i := range ha {
		mixed := slices.Clone(ha)
		mixed[i] = hb[i]
		if !bytes.Equal(encode(ha[i]), encode(hb[i])) {
			tries = append(tries, try{fmt.Sprintf("field %d of the header from another session", i), join(mixed, boxA)})
		}
	}
	return tries
}

// fields are requests with one field of the header replaced by one that looks as good.
func (e eps) fields(body []byte) []try {
	GinkgoHelper()
	header, box := parts(body)
	var tries []try
	for i, values := range [][]any{
		{"epsbench", "", 2}, {0, 1, 3, 255}, {0, 3 - e.Pinned().Suite, 3}, {make([]byte, 16), []byte{}, nil},
		{e.Declared().Services[1], "", "no.such.service", "Bank.Example", 7}, {make([]byte, 32), make([]byte, 31)},
		{make([]byte, 65), append([]byte{4}, make([]byte, 64)...), []byte{0}}, {make([]byte, e.Pinned().Key.Size()), []byte{}},
	} {
		for _, v := range values {
			other := slices.Clone(header)
			other[i] = v
			tries = append(tries, try{fmt.Sprintf("another value in field %d of the header", i), join(other, box)})
		}
		tries = append(tries, try{fmt.Sprintf("field %d of the header left out", i), join(slices.Delete(slices.Clone(header), i, i+1), box)})
	}
	return append(tries, try{"a field more in the header", join(append(slices.Clone(header), 0), box)})
}

// respelt are the same request in encodings that are not the deterministic one.
func respelt(body []byte) []try {
	header, box := parts(body)
	h := encode(header)
	long := func(b []byte) []byte { return append([]byte{0x5a, 0, 0, byte(len(b) >> 8), byte(len(b))}, b...) }
	tries := []try{
		{"no byte at all", nil},
		{"a byte behind the request", append(slices.Clone(body), 0)},
		{"the request twice", append(slices.Clone(body), body...)},
		{"an array of indefinite length", slices.Concat([]byte{0x9f}, body[1:], []byte{0xff})},
		{"a longer count of the array", slices.Concat([]byte{0x98, 0x02}, body[1:])},
		{"a longer length of the header", slices.Concat([]byte{0x82}, long(h), encode(box))},
		{"a longer length of the box", slices.Concat([]byte{0x82}, encode(h), long(box))},
		{"a tag around the request", slices.Concat([]byte{0xd9, 0xd9, 0xf7}, body)},
		{"a map for the array", slices.Concat([]byte{0xa2, 0x00}, encode(h), []byte{0x01}, encode(box))},
		{"a map with a key twice", slices.Concat([]byte{0xa2, 0x00}, encode(h), []byte{0x00}, encode(h))},
		{"a header that is no string of bytes", slices.Concat([]byte{0x82}, h, encode(box))},
		{"a hundred nested arrays", bytes.Repeat([]byte{0x81}, 100)},
		{"an array that claims four billion elements", []byte{0x9a, 0xff, 0xff, 0xff, 0xff}},
		{"text", []byte(`{"version":2}`)},
	}
	for _, n := range []int{1, 2, len(h), len(body) - 48, len(body) - 1} {
		tries = append(tries, try{fmt.Sprintf("a request cut to %d bytes", n), body[:n]})
	}
	return tries
}

// versions are honest requests of phones that do not speak version 2, or claim another.
func (e eps) versions(c people.User) []try {
	GinkgoHelper()
	var tries []try
	for _, v := range []struct {
		version      int
		lowest, most byte
	}{{1, 1, 1}, {1, 1, 2}, {3, 2, 3}, {2, 1, 1}, {2, 3, 3}, {2, 0, 0}, {2, 255, 255}} {
		s := e.request(c, func(r *oracle.Request) { r.Version, r.Lowest, r.Highest = v.version, v.lowest, v.most })
		tries = append(tries, try{fmt.Sprintf("version %d of a phone that speaks %d to %d", v.version, v.lowest, v.most), s.Body})
	}
	return tries
}

// paddings are sealed boxes whose plain text is not what PROTOCOL.md §4 says.
func (e eps) paddings(c people.User) []try {
	GinkgoHelper()
	var tries []try
	for what, rewrite := range map[string]func([]byte) []byte{
		"a box with padding that is not zero": func(b []byte) []byte { b[31] = 1; return b },
		"a code of 12 digits":                 func(b []byte) []byte { b[8] = 12; return b },
		"a code of 255 digits":                func(b []byte) []byte { b[8] = 255; return b },
		"a code of no digits":                 func(b []byte) []byte { b[8] = 0; return b },
		"a code with a letter":                func(b []byte) []byte { b[9] = 'x'; return b },
		"a box one byte shorter":              func(b []byte) []byte { return b[:31] },
		"a box one byte longer":               func(b []byte) []byte { return append(b, 0) },
	} {
		s := e.request(c, func(r *oracle.Request) { r.RewritePlain = rewrite })
		tries = append(tries, try{what, s.Body})
	}
	return tries
}

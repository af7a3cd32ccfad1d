package store

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// needle is a secret that must be found nowhere.
type needle struct {
	name   string
	value  []byte
	digits bool // a text of decimal digits
}

func raw(name string, value []byte) needle { return needle{name, value, false} }
func decimal(name, text string) needle     { return needle{name, []byte(text), true} }

// pattern is one way in which a needle, or a part of it, may lie in what is searched.
type pattern struct {
	needle, how string
	text        []byte
	alone       bool // a hit counts only between characters that are no digits
}

func (p pattern) String() string { return p.needle + " as " + p.how }

// part is how much of a binary needle is searched at once: a piece of a key is as bad as
// the whole, and 16 bytes do not occur by chance.
const part = 16

// longDigits is from when on a text of digits does not occur by chance inside others.
const longDigits = 11

// patterns are all the ways of a needle.
func (n needle) patterns() []pattern {
	if n.digits {
		return n.ofDigits()
	}
	var all []pattern
	for piece := range slices.Chunk(n.value, part) {
		if len(piece) < part {
			piece = n.value[len(n.value)-part:]
		}
		all = append(all, n.ofBytes(piece)...)
	}
	return all
}

func (n needle) ofBytes(b []byte) []pattern {
	backwards := bytes.Clone(b)
	slices.Reverse(backwards)
	all := []pattern{
		n.as("raw bytes", b),
		n.as("raw bytes backwards", backwards),
		n.as("hexadecimal", []byte(hex.EncodeToString(b))),
		n.as("upper-case hexadecimal", []byte(strings.ToUpper(hex.EncodeToString(b)))),
	}
	return append(append(all, n.lists(b)...), n.base64(b)...)
}

func (n needle) ofDigits() []pattern {
	all := []pattern{n.as("text", n.value)}
	all[0].alone = len(n.value) < longDigits
	if all[0].alone {
		return all
	}
	var wide, values []byte
	for _, u := range utf16.Encode([]rune(string(n.value))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, d := range n.value {
		values = append(values, d-'0')
	}
	all = append(all,
		n.as("UTF-16", wide),
		n.as("values of digits", values),
		n.as("hexadecimal", []byte(hex.EncodeToString(n.value))))
	return append(append(all, n.lists(n.value)...), n.base64(n.value)...)
}

func (n needle) as(how string, text []byte) pattern {
	return pattern{needle: n.name, how: how, text: text}
}

// lists are the ways in which programs print bytes as numbers: Go and JSON.
func (n needle) lists(b []byte) []pattern {
	spaced := strings.Trim(fmt.Sprint(b), "[]")
	return []pattern{
		n.as("list of numbers", []byte(spaced)),
		n.as("list of numbers", []byte(strings.ReplaceAll(spaced, " ", ","))),
		n.as("list of numbers", []byte(strings.ReplaceAll(spaced, " ", ", "))),
	}
}

// base64 gives the characters that depend on b alone, for each place that b may have in
// the groups of three. So it does not matter what is before or after, nor the padding.
func (n needle) base64(b []byte) []pattern {
	var all []pattern
	for _, e := range []struct {
		how      string
		encoding *base64.Encoding
	}{{"base64", base64.RawStdEncoding}, {"base64url", base64.RawURLEncoding}} {
		for before := range 3 {
			text := e.encoding.EncodeToString(append(make([]byte, before), b...))
			first, last := (before*8+5)/6, (before+len(b))*8/6
			all = append(all, n.as(e.how, []byte(text[first:last])))
		}
	}
	return all
}

// hashes are unkeyed digests of a text: who has one finds a short text by trying.
func hashes(name string, text []byte) []needle {
	s1, s256, s384, s512, m5 := sha1.Sum(text), sha256.Sum256(text), sha512.Sum384(text), sha512.Sum512(text), md5.Sum(text)
	return []needle{
		raw("SHA-1 of "+name, s1[:]), raw("SHA-256 of "+name, s256[:]), raw("SHA-384 of "+name, s384[:]),
		raw("SHA-512 of "+name, s512[:]), raw("MD5 of "+name, m5[:]),
	}
}

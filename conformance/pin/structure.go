package pin

import (
	"bytes"
	"crypto/aes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/bits"
	"unicode/utf8"

	"github.com/epsbench/epsbench/conformance/oracle"
)

// structure is something by which an attacker could tell the right TOK from others.
type structure struct {
	name  string
	holds func(phone oracle.Inner, c oracle.Candidate) bool
}

// ofTOK is a structure of TOK alone.
func ofTOK(name string, holds func(tok []byte) bool) structure {
	return structure{name, func(_ oracle.Inner, c oracle.Candidate) bool { return holds(c.TOK) }}
}

// structures are those that key formats have. Each holds for one random TOK in 256 or fewer,
// or else for all of them.
var structures = []structure{
	{"the length", func(phone oracle.Inner, c oracle.Candidate) bool { return len(c.TOK) == phone.TOKLength }},
	ofTOK("PKCS#7 padding", func(tok []byte) bool {
		n := int(last(tok))
		return endsIn(tok, bytes.Repeat([]byte{last(tok)}, n)) && n > 0
	}),
	ofTOK("ANSI X9.23 padding", func(tok []byte) bool { return last(tok) > 0 && endsIn(tok[:len(tok)-1], make([]byte, last(tok)-1)) }),
	ofTOK("ISO 7816-4 padding", func(tok []byte) bool { return last(bytes.TrimRight(tok, "\x00")) == 0x80 }),
	ofTOK("zeros at the end", func(tok []byte) bool { return last(tok) == 0 }),
	ofTOK("odd parity, as of DES keys", func(tok []byte) bool { return parity(tok, 1) }),
	ofTOK("even parity", func(tok []byte) bool { return parity(tok, 0) }),
	ofTOK("ASN.1", func(tok []byte) bool {
		rest, err := asn1.Unmarshal(tok, &asn1.RawValue{})
		return err == nil && len(rest) == 0
	}),
	ofTOK("printable text", func(tok []byte) bool { return every(tok, func(b byte) bool { return 0x20 <= b && b < 0x7f }) }),
	ofTOK("UTF-8", func(tok []byte) bool { return len(tok) > 16 && utf8.Valid(tok) }),
	ofTOK("decimal digits", func(tok []byte) bool { return every(tok, func(b byte) bool { return '0' <= b && b <= '9' }) }),
	ofTOK("hexadecimal text", func(tok []byte) bool { _, err := hex.DecodeString(string(tok)); return err == nil }),
	ofTOK("base64 text", func(tok []byte) bool { _, err := base64.StdEncoding.DecodeString(string(tok)); return err == nil }),
	ofTOK("a CRC-32 at the end", func(tok []byte) bool {
		crc := crc32.ChecksumIEEE(tok[:len(tok)-4])
		return endsIn(tok, []byte{byte(crc >> 24), byte(crc >> 16), byte(crc >> 8), byte(crc)}) ||
			endsIn(tok, []byte{byte(crc), byte(crc >> 8), byte(crc >> 16), byte(crc >> 24)})
	}),
	ofTOK("a sum of bytes at the end", func(tok []byte) bool { return last(tok) == fold(tok, func(a, b byte) byte { return a + b }) }),
	ofTOK("an XOR of bytes at the end", func(tok []byte) bool { return last(tok) == fold(tok, func(a, b byte) byte { return a ^ b }) }),
	ofTOK("a hash at the end", func(tok []byte) bool {
		head := tok[:len(tok)-4]
		long, short := sha256.Sum256(head), sha1.Sum(head)
		return endsIn(tok, long[:4]) || endsIn(tok, short[:4])
	}),
	ofTOK("two equal blocks", func(tok []byte) bool { return bytes.Equal(tok[:aes.BlockSize], tok[len(tok)-aes.BlockSize:]) }),
	{"the IV of RFC 3394 in C under KEK", func(phone oracle.Inner, c oracle.Candidate) bool {
		_, err := oracle.Unwrap(c.KEK, phone.C)
		return err == nil
	}},
	{"the IV of RFC 3394 in TOK under KEK", func(_ oracle.Inner, c oracle.Candidate) bool {
		_, err := oracle.Unwrap(c.KEK, c.TOK)
		return err == nil
	}},
	{"a check value on the phone", func(phone oracle.Inner, c oracle.Candidate) bool {
		for _, kcv := range checkValues(c) {
			if bytes.Contains(phone.C, kcv) || bytes.Contains(phone.Salt, kcv) {
				return true
			}
		}
		return false
	}},
}

// checkValues are what modules and formats call the check value of KEK or TOK: three bytes
// of a block of zeros under it, or of its hash.
func checkValues(c oracle.Candidate) [][]byte {
	var all [][]byte
	for _, key := range [][]byte{c.KEK, c.TOK} {
		if block, err := aes.NewCipher(key[:min(len(key), 32)/8*8]); err == nil {
			zeros := make([]byte, aes.BlockSize)
			block.Encrypt(zeros, zeros)
			all = append(all, zeros[:3])
		}
		long, short := sha256.Sum256(key), sha1.Sum(key)
		all = append(all, long[:3], short[:3])
	}
	return all
}

// constants are bytes that all TOKs have in common: a prefix, a version, a padding that no
// table knows.
func constants(victims []phone) []structure {
	var toks [][]byte
	for _, v := range victims {
		toks = append(toks, v.right.TOK)
	}
	var all []structure
	for i, b := range toks[0] {
		same := func(tok []byte) bool { return len(tok) > i && tok[i] == b }
		if every(toks, same) {
			all = append(all, ofTOK(fmt.Sprintf("byte %d, the same in every token", i), same))
		}
	}
	return all
}

func every[T any](all []T, holds func(T) bool) bool {
	for _, v := range all {
		if !holds(v) {
			return false
		}
	}
	return len(all) > 0
}

func last(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[len(b)-1]
}

func endsIn(b, end []byte) bool { return bytes.HasSuffix(b, end) }

func parity(b []byte, want int) bool {
	return every(b, func(b byte) bool { return bits.OnesCount8(b)%2 == want })
}

// fold combines all bytes but the last.
func fold(b []byte, with func(a, b byte) byte) byte {
	var sum byte
	for _, v := range b[:len(b)-1] {
		sum = with(sum, v)
	}
	return sum
}

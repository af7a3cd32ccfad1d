// Package vectors holds published test vectors as data: what an implementation of
// HOTP, TOTP, OCRA, AES key wrap or PBKDF2 must give.
//
// Start at RFC4226 and its neighbours. Each file says where its values come from and
// which errata were applied to them, and why; schema.json describes the files.
package vectors

import (
	"bytes"
	"crypto"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

//go:embed *.json
var files embed.FS

// HOTP is one value of a HMAC-based one-time password.
type HOTP struct {
	ID      string
	Secret  Hex
	Hash    Hash
	Counter uint64
	MAC     Hex // HMAC of the counter
	Digits  int
	OTP     string
}

// TOTP is one value of a time-based one-time password.
type TOTP struct {
	ID     string
	Secret Hex
	Hash   Hash
	Time   int64  // seconds since 1970
	Step   int64  // seconds
	Moving uint64 // steps since 1970
	Digits int
	OTP    string
}

// OCRA is one response to a question. Counter, PIN and Time are of the suites that have them.
type OCRA struct {
	ID        string
	Suite     string
	Mode      string // "one-way", "mutual-server", "mutual-client", "signature"
	Secret    Hex
	Hash      Hash
	Counter   uint64
	Questions []string // two in the mutual modes: the other party's first
	PIN       string
	PINHash   Hex   `json:"pin_hash"`
	Time      int64 // seconds since 1970
	Step      uint64
	Digits    int
	Response  string
}

// KeyWrap is a key wrapped under another.
type KeyWrap struct {
	ID                string
	KEK, Key, Wrapped Hex
}

// PBKDF2 is a key derived from a password.
type PBKDF2 struct {
	ID             string
	Hash           Hash
	Password, Salt Hex
	Iterations     int
	Key            Hex
}

// RFC4226 gives the 10 values of RFC 4226 Appendix D, by counter.
func RFC4226() []HOTP { return embedded[HOTP]("rfc4226.json") }

// RFC6238 gives the 18 values of RFC 6238 Appendix B, by hash and time.
func RFC6238() []TOTP { return embedded[TOTP]("rfc6238.json") }

// RFC6287 gives the 70 values of RFC 6287 Appendix C, in its order.
func RFC6287() []OCRA { return embedded[OCRA]("rfc6287.json") }

// RFC3394 gives the 6 examples of RFC 3394 §4.
func RFC3394() []KeyWrap { return embedded[KeyWrap]("rfc3394.json") }

// RFC5649 gives the 2 examples of RFC 5649 §6, key wrap with padding.
func RFC5649() []KeyWrap { return embedded[KeyWrap]("rfc5649.json") }

// RFC6070 gives the 6 values of RFC 6070 §2, PBKDF2 with HMAC-SHA-1. The fourth takes
// 2^24 iterations.
func RFC6070() []PBKDF2 { return embedded[PBKDF2]("rfc6070.json") }

// RFC7914 gives the 2 values of RFC 7914 §11, PBKDF2 with HMAC-SHA-256.
func RFC7914() []PBKDF2 { return embedded[PBKDF2]("rfc7914.json") }

// File is one file of this package.
type File[V any] struct {
	Schema     string `json:"$schema"`
	Source     string // "RFC 4226"
	Section    string
	Kind       string
	Title      string
	Provenance struct{ URL, Method string }
	Errata     []Erratum
	Vectors    []V
}

// Erratum is a reported error in the source and what was done about it.
type Erratum struct {
	ID      string
	Applied bool
	Note    string
}

// Load reads a file of this package by name.
func Load[V any](name string) (File[V], error) {
	var f File[V]
	data, err := files.ReadFile(name)
	if err != nil {
		return f, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return f, fmt.Errorf("%s: more after its end", name)
	}
	return f, nil
}

// embedded panics on a file that does not load: the files are part of the program.
func embedded[V any](name string) []V {
	f, err := Load[V](name)
	if err != nil {
		panic(err)
	}
	return f.Vectors
}

// Hex is bytes, in hexadecimal in the files.
type Hex []byte

func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

// Hash is a hash function, by its name in the files.
type Hash crypto.Hash

var hashes = map[string]crypto.Hash{"SHA-1": crypto.SHA1, "SHA-256": crypto.SHA256, "SHA-512": crypto.SHA512}

func (h *Hash) UnmarshalText(text []byte) error {
	known, ok := hashes[string(text)]
	if !ok {
		return fmt.Errorf("unknown hash %q", text)
	}
	*h = Hash(known)
	return nil
}

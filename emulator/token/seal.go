package token

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

const (
	keySize   = 32
	nonceSize = 12
	tagSize   = 16
	maxFile   = 1 << 20 // bytes of a file in storage
)

// errSealed: the key is wrong, or somebody changed the bytes.
var errSealed = errors.New("cannot be opened: wrong key, or changed")

// sealed is AES-256-GCM under a random nonce, drawn anew each time.
type sealed struct {
	_     struct{} `cbor:",toarray"`
	Nonce []byte
	Box   []byte
}

func seal(key, plain, bound []byte) (sealed, error) {
	a, err := aead(key)
	if err != nil {
		return sealed{}, err
	}
	nonce := randomBytes(nonceSize)
	return sealed{Nonce: nonce, Box: a.Seal(nil, nonce, plain, bound)}, nil
}

func (s sealed) open(key, bound []byte) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	if len(s.Nonce) != nonceSize {
		return nil, errSealed
	}
	plain, err := a.Open(nil, s.Nonce, s.Box, bound)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func aead(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("token key: %w", err)
	}
	return cipher.NewGCM(b)
}

// randomBytes never fails: crypto/rand ends the program instead.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// The files are deterministic CBOR (RFC 8949 §4.2.1) behind a line that names
// the format; a decoder takes no other spelling of the same content.
var (
	encoder = must(cbor.CoreDetEncOptions().EncMode())
	decoder = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  8,
		MaxArrayElements: 1024,
		MaxMapPairs:      16,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options that are wrong in every run
	}
	return v
}

func encode(magic string, v any) ([]byte, error) {
	content, err := encoder.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte(magic), content...), nil
}

func decode(magic string, file []byte, v any) error {
	content, ok := bytes.CutPrefix(file, []byte(magic))
	if !ok || len(file) > maxFile {
		return fmt.Errorf("does not begin with %q", magic)
	}
	if err := decoder.Unmarshal(content, v); err != nil {
		return err
	}
	again, err := encoder.Marshal(v)
	if err != nil || !bytes.Equal(again, content) {
		return errors.New("not in its one form")
	}
	return nil
}

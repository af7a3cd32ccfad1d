package oracle

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrUnwrap is what an altered wrapped key gives.
var ErrUnwrap = errors.New("wrapped key does not check")

// initial is the value of RFC 3394 §2.2.3.1.
var initial = [8]byte{0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6}

// Wrap is RFC 3394 §2.2.1: key, a multiple of 8 bytes and 16 or more, under kek, an AES key.
func Wrap(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(key) < 16 || len(key)%8 != 0 {
		return nil, fmt.Errorf("%d bytes cannot be wrapped", len(key))
	}
	a, r := initial, bytes.Clone(key)
	var b [16]byte
	for j := range 6 {
		for i := 0; i < len(r); i += 8 {
			copy(b[:8], a[:])
			copy(b[8:], r[i:])
			block.Encrypt(b[:], b[:])
			copy(r[i:], b[8:])
			a = count(b, len(r)/8*j+i/8+1)
		}
	}
	return append(a[:], r...), nil
}

// Unwrap is RFC 3394 §2.2.2.
func Unwrap(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < 24 || len(wrapped)%8 != 0 {
		return nil, ErrUnwrap
	}
	a, r := [8]byte(wrapped), bytes.Clone(wrapped[8:])
	var b [16]byte
	for j := 5; j >= 0; j-- {
		for i := len(r) - 8; i >= 0; i -= 8 {
			copy(b[:8], a[:])
			a = count(b, len(r)/8*j+i/8+1)
			copy(b[:8], a[:])
			copy(b[8:], r[i:])
			block.Decrypt(b[:], b[:])
			copy(a[:], b[:8])
			copy(r[i:], b[8:])
		}
	}
	if a != initial {
		return nil, ErrUnwrap
	}
	return r, nil
}

// count is MSB(64, b) ^ t.
func count(b [16]byte, t int) (a [8]byte) {
	binary.BigEndian.PutUint64(a[:], binary.BigEndian.Uint64(b[:8])^uint64(t))
	return a
}

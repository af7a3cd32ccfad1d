package hsm

import (
	"crypto/aes"
	"encoding/binary"
	"fmt"
)

// wrapOverhead is what RFC 3394 adds to a key.
const wrapOverhead = 8

// wrapOnHost is RFC 3394 §2.2.1 with the default initial value. The host uses it with
// keys that it knows: the transport key T, and those of the known answers.
func wrapOnHost(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(key) < 16 || len(key)%8 != 0 {
		return nil, fmt.Errorf("RFC 3394 wraps whole blocks of 8 bytes, two or more, not %d bytes", len(key))
	}
	n := len(key) / 8
	out := make([]byte, len(key)+wrapOverhead)
	copy(out[8:], key)
	var b [16]byte
	copy(b[:8], "\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6")
	for t := 1; t <= 6*n; t++ {
		r := out[8*((t-1)%n+1):][:8]
		copy(b[8:], r)
		block.Encrypt(b[:], b[:])
		copy(r, b[8:])
		binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])^uint64(t))
	}
	copy(out, b[:8])
	return out, nil
}

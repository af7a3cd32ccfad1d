package mechanism

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

const (
	semiblock  = 8
	defaultIV  = 0xA6A6A6A6A6A6A6A6 // RFC 3394 §2.2.3.1
	paddedIV   = 0xA65959A6         // RFC 5649 §3
	maxWrapped = 1 << 16            // bytes of a wrapped key
)

type keyWrapFunc func(b cipher.Block, in []byte) ([]byte, error)

func keyWrap(wrap, unwrap keyWrapFunc) func(k *Key, encrypt bool, in []byte) ([]byte, error) {
	return func(k *Key, encrypt bool, in []byte) ([]byte, error) {
		b, err := k.aes()
		if err != nil {
			return nil, err
		}
		if encrypt {
			return wrap(b, in)
		}
		return unwrap(b, in)
	}
}

// room is a buffer of n bytes, with a block of scratch behind them.
func room(n int) []byte { return make([]byte, n, n+blockSize) }

func wrapRFC3394(b cipher.Block, in []byte) ([]byte, error) {
	if len(in)%semiblock != 0 || len(in) < 2*semiblock || len(in) > maxWrapped {
		return nil, errDataLength
	}
	out := room(semiblock + len(in))
	binary.BigEndian.PutUint64(out, defaultIV)
	copy(out[semiblock:], in)
	wrapBlocks(b, out)
	return out, nil
}

func unwrapRFC3394(b cipher.Block, in []byte) ([]byte, error) {
	if len(in)%semiblock != 0 || len(in) < 3*semiblock || len(in) > maxWrapped {
		return nil, errCiphertextLength
	}
	out := room(len(in))
	copy(out, in)
	unwrapBlocks(b, out)
	var want [semiblock]byte
	binary.BigEndian.PutUint64(want[:], defaultIV)
	if subtle.ConstantTimeCompare(out[:semiblock], want[:]) != 1 {
		clear(out)
		return nil, errCiphertext
	}
	return out[semiblock:], nil
}

func wrapRFC5649(b cipher.Block, in []byte) ([]byte, error) {
	if len(in) == 0 || len(in) > maxWrapped {
		return nil, errDataLength
	}
	out := room(semiblock + (len(in)+semiblock-1)/semiblock*semiblock)
	binary.BigEndian.PutUint32(out, paddedIV)
	binary.BigEndian.PutUint32(out[4:], uint32(len(in)))
	copy(out[semiblock:], in)
	if len(out) == blockSize {
		b.Encrypt(out, out)
	} else {
		wrapBlocks(b, out)
	}
	return out, nil
}

func unwrapRFC5649(b cipher.Block, in []byte) ([]byte, error) {
	if len(in)%semiblock != 0 || len(in) < blockSize || len(in) > maxWrapped {
		return nil, errCiphertextLength
	}
	out := room(len(in))
	copy(out, in)
	if len(out) == blockSize {
		b.Decrypt(out, out)
	} else {
		unwrapBlocks(b, out)
	}
	n, ok := paddedLength(out)
	if !ok {
		clear(out)
		return nil, errCiphertext
	}
	return out[semiblock : semiblock+n], nil
}

// paddedLength checks the prefix and the zeros of RFC 5649 §3, all of them
// before it says anything.
func paddedLength(out []byte) (int, bool) {
	body := out[semiblock:]
	var want [4]byte
	binary.BigEndian.PutUint32(want[:], paddedIV)
	good := subtle.ConstantTimeCompare(out[:4], want[:])
	n := int(binary.BigEndian.Uint32(out[4:]))
	if n > len(body) || n <= len(body)-semiblock {
		return 0, false
	}
	var pad byte
	for _, b := range body[n:] {
		pad |= b
	}
	return n, good&subtle.ConstantTimeByteEq(pad, 0) == 1
}

// wrapBlocks is the wrapping function W of RFC 3394 §2.2.1 in place: the
// register A stands in the first semiblock, a block of scratch behind buf.
func wrapBlocks(b cipher.Block, buf []byte) {
	x := buf[len(buf) : len(buf)+blockSize]
	copy(x, buf[:semiblock])
	t := uint64(0)
	for range 6 {
		for at := buf[semiblock:]; len(at) > 0; at = at[semiblock:] {
			t++
			copy(x[semiblock:], at[:semiblock])
			b.Encrypt(x, x)
			copy(at, x[semiblock:])
			xorCounter(x, t)
		}
	}
	copy(buf, x[:semiblock])
	clear(x)
}

// unwrapBlocks is the inverse, RFC 3394 §2.2.2.
func unwrapBlocks(b cipher.Block, buf []byte) {
	x := buf[len(buf) : len(buf)+blockSize]
	copy(x, buf[:semiblock])
	t := uint64(6 * (len(buf)/semiblock - 1))
	for range 6 {
		for at := len(buf) - semiblock; at > 0; at -= semiblock {
			xorCounter(x, t)
			t--
			copy(x[semiblock:], buf[at:at+semiblock])
			b.Decrypt(x, x)
			copy(buf[at:], x[semiblock:])
		}
	}
	copy(buf, x[:semiblock])
	clear(x)
}

func xorCounter(x []byte, t uint64) {
	binary.BigEndian.PutUint64(x, binary.BigEndian.Uint64(x)^t)
}

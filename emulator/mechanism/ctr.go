package mechanism

import (
	"crypto/cipher"
	"math"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// stream is a Cipher that gives every byte at once.
type stream struct {
	cipher.Stream
	left uint64 // bytes until the counter would start again
}

func ctr(k *Key, m *pkcs11.Mechanism, _ bool, _ *Space) (Cipher, error) {
	p, err := cryptoki.CTRParameter(m)
	if err != nil {
		return nil, err
	}
	b, err := k.aes()
	if err != nil {
		return nil, err
	}
	return &stream{cipher.NewCTR(b, p.Block[:]), counterRoom(p)}, nil
}

// counterRoom is how many bytes can be encrypted before the counter's bits are all
// ones: beyond, it would repeat itself (NIST SP 800-38A appendix B).
func counterRoom(p cryptoki.CTR) uint64 {
	end := new(big.Int).Lsh(big.NewInt(1), p.CounterBits)
	at := new(big.Int).SetBytes(p.Block[:])
	at.Mod(at, end)
	room := end.Sub(end, at)
	room.Mul(room, big.NewInt(blockSize))
	if !room.IsUint64() {
		return math.MaxUint64
	}
	return room.Uint64()
}

func (s *stream) Update(dst, in []byte) ([]byte, error) {
	if uint64(len(in)) > s.left {
		return nil, errDataLength
	}
	s.left -= uint64(len(in))
	start := len(dst)
	dst = append(dst, in...)
	s.XORKeyStream(dst[start:], dst[start:])
	return dst, nil
}

func (s *stream) Final(dst []byte) ([]byte, error) { return dst, nil }

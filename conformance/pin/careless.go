package pin

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// careless are token formats that give the PIN away. The solver has to see it: this is the
// positive control of its tests.
var careless = []struct {
	name string
	most int // PINs that may be left: what chance adds to the right one
	tok  func(random []byte) []byte
}{
	{"a TOK of hexadecimal text", 1, func(random []byte) []byte { return []byte(hex.EncodeToString(random[:16])) }},
	{"a TOK padded by PKCS#7", 120, func(random []byte) []byte { return append(random[:31], 1) }},
	{"a TOK with an odd parity", 1, func(random []byte) []byte { return oddParity(random) }},
	{"a TOK with a prefix", 1, func(random []byte) []byte { return append([]byte("TOK:"), random[4:]...) }},
}

// control shows that the same search finds the right PIN of careless tokens.
func control() {
	GinkgoHelper()
	seed := binary.LittleEndian.AppendUint64(nil, drawSeed())
	random := rand.New(rand.NewChaCha8([32]byte(append(seed, make([]byte, 24)...))))
	for _, format := range careless {
		var victims []phone
		for range fewer.tokens {
			victims = append(victims, plant(random, format.tok))
		}
		all, err := oracle.Solve(victims[0].Inner, solvedDigits)
		Expect(err).NotTo(HaveOccurred(), "enumeration of the PINs")
		kept, _ := survivors(victims, all)
		if kept > format.most {
			conformance.Broken("the solver keeps %d PINs of %s: it does not see what it has to", kept, format.name)
		}
		conformance.Observe("control: of %s it keeps %d", format.name, kept)
	}
}

// plant makes the phone's data of a token whose TOK has a format.
func plant(random *rand.Rand, tok func([]byte) []byte) phone {
	GinkgoHelper()
	draw := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	in := oracle.Inner{
		C: make([]byte, 32), Direction: oracle.Encrypts, TOKLength: 32,
		Salt: draw(16), KDF: oracle.PBKDF2, Iterations: 1,
	}
	pin := fmt.Sprintf("%04d", random.IntN(solvedPINs))
	kek, err := in.KEK(pin)
	Expect(err).NotTo(HaveOccurred(), "KEK")
	block, err := aes.NewCipher(kek)
	Expect(err).NotTo(HaveOccurred(), "KEK")
	plain := tok(draw(32))
	for i := 0; i < len(plain); i += aes.BlockSize {
		block.Decrypt(in.C[i:], plain[i:])
	}
	p := phoneOf(in, pin)
	Expect(bytes.Equal(p.right.TOK, plain)).To(BeTrue(), "the planted TOK opens")
	return p
}

func oddParity(b []byte) []byte {
	for i := range b {
		if !parity(b[i:i+1], 1) {
			b[i] ^= 1
		}
	}
	return b
}

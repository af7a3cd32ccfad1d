package mechanism

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// ccmMinTag is in bytes: NIST SP 800-38C appendix B.2 wants no less without a reason.
const ccmMinTag = 8

// ccmRun is CCM, NIST SP 800-38C, which Go has not.
type ccmRun struct {
	block cipher.Block
	cryptoki.CCM
}

func ccm(k *Key, m *pkcs11.Mechanism, encrypt bool, _ *Space) (Cipher, error) {
	p, err := cryptoki.CCMParameter(m)
	if err != nil || p.MAC < ccmMinTag || p.MAC > blockSize || p.MAC%2 != 0 || len(p.Nonce) < 7 || len(p.Nonce) > 13 {
		return nil, errParameter
	}
	// The length of the data is told in what the nonce leaves of a block.
	if room := 15 - len(p.Nonce); room < 8 && uint64(p.Data)>>(8*room) != 0 {
		return nil, errParameter
	}
	b, err := k.aes()
	if err != nil {
		return nil, err
	}
	c := &ccmRun{b, p}
	if encrypt {
		return &whole{run: c.seal}, nil
	}
	return &whole{run: c.open}, nil
}

func (c *ccmRun) seal(in []byte) ([]byte, error) {
	if uint(len(in)) != c.Data {
		return nil, errDataLength
	}
	out := make([]byte, len(in)+int(c.MAC))
	tag := c.tag(in)
	c.crypt(out, in, tag)
	copy(out[len(in):], tag)
	return out, nil
}

func (c *ccmRun) open(in []byte) ([]byte, error) {
	n := len(in) - int(c.MAC)
	if n < 0 || uint(n) != c.Data {
		return nil, errCiphertextLength
	}
	tag := append(make([]byte, 0, blockSize), in[n:]...)
	plain := make([]byte, n)
	c.crypt(plain, in[:n], tag)
	if subtle.ConstantTimeCompare(tag, c.tag(plain)) != 1 {
		clear(plain)
		return nil, errCiphertext
	}
	return plain, nil
}

// crypt encrypts or decrypts data, and the tag in its place: §6.1 steps 5 to 8. The
// tag takes the counter's block 0, the data those from 1.
func (c *ccmRun) crypt(dst, src, tag []byte) {
	var first [blockSize]byte
	first[0] = byte(14 - len(c.Nonce))
	copy(first[1:], c.Nonce)
	s := cipher.NewCTR(c.block, first[:])
	var pad [blockSize]byte
	s.XORKeyStream(pad[:], pad[:])
	subtle.XORBytes(tag, tag, pad[:])
	s.XORKeyStream(dst, src)
}

// tag is the CBC-MAC over nonce, associated data and data: §6.1 steps 1 to 4, in the
// form of appendix A.2.
func (c *ccmRun) tag(data []byte) []byte {
	var x [blockSize]byte
	binary.BigEndian.PutUint64(x[8:], uint64(len(data)))
	x[0] = byte((c.MAC-2)/2)<<3 | byte(14-len(c.Nonce))
	if len(c.AAD) > 0 {
		x[0] |= 0x40
	}
	copy(x[1:], c.Nonce)
	c.block.Encrypt(x[:], x[:])
	if len(c.AAD) > 0 {
		c.chain(&x, append(aadLength(len(c.AAD)), c.AAD...))
	}
	c.chain(&x, data)
	return x[:c.MAC]
}

// aadLength says how much associated data there is: appendix A.2.2. It is never 4 GiB.
func aadLength(n int) []byte {
	if n < 0xff00 {
		return binary.BigEndian.AppendUint16(nil, uint16(n))
	}
	return binary.BigEndian.AppendUint32([]byte{0xff, 0xfe}, uint32(n))
}

// chain goes on with a CBC-MAC; zeros fill the last block.
func (c *ccmRun) chain(x *[blockSize]byte, data []byte) {
	for len(data) > 0 {
		n := subtle.XORBytes(x[:], x[:], data[:min(blockSize, len(data))])
		c.block.Encrypt(x[:], x[:])
		data = data[n:]
	}
}

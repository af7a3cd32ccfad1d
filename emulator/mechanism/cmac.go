package mechanism

import (
	"crypto/cipher"
	"crypto/subtle"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// cmacRun is CMAC over AES, NIST SP 800-38B and RFC 4493, which Go has not.
type cmacRun struct {
	block cipher.Block
	x     [blockSize]byte // the chain
	held  [blockSize]byte // the last bytes, which end the message or not
	n     int             // of held
	size  int             // bytes of the result
}

func cmac(k *Key, m *pkcs11.Mechanism) (signer, error) {
	if err := cryptoki.NoParameter(m); err != nil {
		return nil, err
	}
	return newCMAC(k, blockSize)
}

func cmacGeneral(k *Key, m *pkcs11.Mechanism) (signer, error) {
	n, err := macLength(m, blockSize)
	if err != nil {
		return nil, err
	}
	return newCMAC(k, n)
}

func newCMAC(k *Key, size int) (*cmacRun, error) {
	b, err := k.aes()
	if err != nil {
		return nil, err
	}
	return &cmacRun{block: b, size: size}, nil
}

func (c *cmacRun) Write(part []byte) {
	for len(part) > 0 {
		if c.n == blockSize {
			c.absorb()
		}
		n := copy(c.held[c.n:], part)
		c.n += n
		part = part[n:]
	}
}

func (c *cmacRun) absorb() {
	subtle.XORBytes(c.x[:], c.x[:], c.held[:])
	c.block.Encrypt(c.x[:], c.x[:])
	c.n = 0
}

func (c *cmacRun) Sign() ([]byte, error) {
	var sub [blockSize]byte
	c.block.Encrypt(sub[:], sub[:])
	double(&sub)
	if c.n < blockSize {
		double(&sub)
		c.held[c.n] = 0x80
		clear(c.held[c.n+1:])
	}
	subtle.XORBytes(c.held[:], c.held[:], sub[:])
	c.absorb()
	return append([]byte(nil), c.x[:c.size]...), nil
}

func (c *cmacRun) Verify(signature []byte) error {
	mac, err := c.Sign()
	if err != nil {
		return err
	}
	return compareMAC(mac, signature)
}

// double multiplies by x in GF(2^128), SP 800-38B §6.1, in constant time.
func double(b *[blockSize]byte) {
	carry := byte(0)
	for i := blockSize - 1; i >= 0; i-- {
		b[i], carry = b[i]<<1|carry, b[i]>>7
	}
	b[blockSize-1] ^= 0x87 & -carry
}

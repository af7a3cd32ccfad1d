package mechanism

import (
	"crypto/aes"
	"crypto/cipher"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

const blockSize = aes.BlockSize

var aesKeys = []uint{pkcs11.CKK_AES}

// No mode without integrity wraps or unwraps: it would turn any bytes into a key.
var aesTable = []Spec{
	{Type: pkcs11.CKM_AES_KEY_GEN, Operations: Generate, KeyTypes: aesKeys, Min: 16, Max: 32},
	aesECB(Encrypt | Decrypt),
	aesCBC(pkcs11.CKM_AES_CBC, Encrypt|Decrypt),
	aesCBC(pkcs11.CKM_AES_CBC_PAD, Encrypt|Decrypt),
	{Type: pkcs11.CKM_AES_CTR, Operations: Encrypt | Decrypt, KeyTypes: aesKeys, Min: 16, Max: 32, cipher: ctr},
	{Type: pkcs11.CKM_AES_CCM, Operations: Encrypt | Decrypt, KeyTypes: aesKeys, Min: 16, Max: 32, cipher: ccm},
	{Type: pkcs11.CKM_AES_GCM, Operations: Encrypt | Decrypt, KeyTypes: aesKeys, Min: 16, Max: 32, cipher: gcm},
	{Type: pkcs11.CKM_AES_CMAC, Operations: Sign | Verify, KeyTypes: aesKeys, Min: 16, Max: 32, sign: cmac},
	{Type: pkcs11.CKM_AES_CMAC_GENERAL, Operations: Sign | Verify, KeyTypes: aesKeys, Min: 16, Max: 32, sign: cmacGeneral},
	{Type: pkcs11.CKM_AES_KEY_WRAP, Operations: Encrypt | Decrypt | Wrap | Unwrap, KeyTypes: aesKeys, Min: 16, Max: 32,
		atOnce: keyWrap(wrapRFC3394, unwrapRFC3394), padding: zeroPad},
	{Type: pkcs11.CKM_AES_KEY_WRAP_PAD, Operations: Encrypt | Decrypt | Wrap | Unwrap, KeyTypes: aesKeys, Min: 16, Max: 32,
		atOnce: keyWrap(wrapRFC5649, unwrapRFC5649)},
	{Type: CKM_AES_KEY_WRAP_KWP, Operations: Encrypt | Decrypt | Wrap | Unwrap, KeyTypes: aesKeys, Min: 16, Max: 32,
		atOnce: keyWrap(wrapRFC5649, unwrapRFC5649)},
	{Type: pkcs11.CKM_AES_ECB_ENCRYPT_DATA, Operations: Derive, KeyTypes: aesKeys, Min: 16, Max: 32, derive: deriveECB((*Key).aes)},
	{Type: pkcs11.CKM_AES_CBC_ENCRYPT_DATA, Operations: Derive, KeyTypes: aesKeys, Min: 16, Max: 32, derive: deriveCBC((*Key).aes, blockSize)},
}

// aesECB wraps too where legacy rows are offered, as the two of CBC do.
func aesECB(can Operation) Spec {
	return Spec{Type: pkcs11.CKM_AES_ECB, Operations: can, KeyTypes: aesKeys, Min: 16, Max: 32, cipher: ecb((*Key).aes)}
}

func aesCBC(mech uint, can Operation) Spec {
	return Spec{Type: mech, Operations: can, KeyTypes: aesKeys, Min: 16, Max: 32, cipher: cbc((*Key).aes, blockSize, mech == pkcs11.CKM_AES_CBC_PAD)}
}

// blockOf expands a key for its block cipher.
type blockOf func(*Key) (cipher.Block, error)

type startCipher = func(k *Key, m *pkcs11.Mechanism, encrypt bool, x *Space) (Cipher, error)

func ecb(expand blockOf) startCipher {
	return func(k *Key, m *pkcs11.Mechanism, encrypt bool, x *Space) (Cipher, error) {
		b, err := expand(k)
		if err != nil {
			return nil, err
		}
		if err := cryptoki.NoParameter(m); err != nil {
			return nil, err
		}
		crypt := b.Decrypt
		if encrypt {
			crypt = b.Encrypt
		}
		x.blocks = blocks{mode: ecbMode{b, crypt}, size: b.BlockSize(), encrypt: encrypt}
		return &x.blocks, nil
	}
}

func cbc(expand blockOf, size int, pad bool) startCipher {
	return func(k *Key, m *pkcs11.Mechanism, encrypt bool, x *Space) (Cipher, error) {
		iv, err := cryptoki.IV(m, size)
		if err != nil {
			return nil, err
		}
		mode, err := x.cbc(k, expand, encrypt, iv)
		if err != nil {
			return nil, err
		}
		x.blocks = blocks{mode: mode, size: size, encrypt: encrypt, pad: pad}
		return &x.blocks, nil
	}
}

// resettable is what Go's CBC modes are: as new with another IV.
type resettable interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

// cbc is the mode of the run before, when that had the same key, or a new one.
func (x *Space) cbc(k *Key, expand blockOf, encrypt bool, iv []byte) (cipher.BlockMode, error) {
	if x.key == k && x.encrypt == encrypt {
		x.mode.SetIV(iv)
		return x.mode, nil
	}
	b, err := expand(k)
	if err != nil {
		return nil, err
	}
	newMode := cipher.NewCBCDecrypter
	if encrypt {
		newMode = cipher.NewCBCEncrypter
	}
	mode := newMode(b, iv)
	if again, ok := mode.(resettable); ok {
		x.mode, x.key, x.encrypt = again, k, encrypt
	}
	return mode, nil
}

// ecbMode is the cipher on each block by itself.
type ecbMode struct {
	cipher.Block
	crypt func(dst, src []byte)
}

func (e ecbMode) CryptBlocks(dst, src []byte) {
	size := e.BlockSize()
	for ; len(src) > 0; dst, src = dst[size:], src[size:] {
		e.crypt(dst, src)
	}
}

// blocks is a Cipher over whole blocks, with PKCS #7 padding or without.
type blocks struct {
	mode    cipher.BlockMode
	size    int // bytes of a block
	encrypt bool
	pad     bool
	held    [blockSize]byte
	n       int // bytes held back
}

func (c *blocks) Update(dst, in []byte) ([]byte, error) {
	total := c.n + len(in)
	ready := total - total%c.size
	if c.pad && !c.encrypt && ready == total && ready > 0 {
		ready -= c.size // the last block may be padding
	}
	if ready == 0 {
		c.n += copy(c.held[c.n:], in)
		return dst, nil
	}
	start, take := len(dst), ready-c.n
	dst = append(append(dst, c.held[:c.n]...), in[:take]...)
	c.mode.CryptBlocks(dst[start:], dst[start:])
	c.n = copy(c.held[:], in[take:])
	return dst, nil
}

func (c *blocks) Final(dst []byte) ([]byte, error) {
	switch {
	case !c.pad && c.n == 0:
		return dst, nil
	case !c.pad && c.encrypt:
		return nil, errDataLength
	case !c.encrypt && c.n != c.size:
		return nil, errCiphertextLength
	case c.encrypt:
		return c.addPadding(dst), nil
	}
	return c.dropPadding(dst)
}

func (c *blocks) addPadding(dst []byte) []byte {
	for i := c.n; i < c.size; i++ {
		c.held[i] = byte(c.size - c.n)
	}
	start := len(dst)
	dst = append(dst, c.held[:c.size]...)
	c.mode.CryptBlocks(dst[start:], dst[start:])
	return dst
}

func (c *blocks) dropPadding(dst []byte) ([]byte, error) {
	c.mode.CryptBlocks(c.held[:c.size], c.held[:c.size])
	n := int(c.held[c.size-1])
	if n == 0 || n > c.size {
		return nil, errCiphertext
	}
	for _, b := range c.held[c.size-n : c.size] {
		if int(b) != n {
			return nil, errCiphertext
		}
	}
	return append(dst, c.held[:c.size-n]...), nil
}

// deriveECB is PKCS #11's derivation by encrypting data: no check, no padding.
func deriveECB(expand blockOf) deriveFunc {
	return func(k *Key, m *pkcs11.Mechanism, _ Derivation) ([]byte, error) {
		b, err := expand(k)
		if err != nil {
			return nil, err
		}
		data, err := cryptoki.DerivationData(m)
		if err != nil || len(data)%b.BlockSize() != 0 {
			return nil, errParameter
		}
		ecbMode{b, b.Encrypt}.CryptBlocks(data, data)
		return data, nil
	}
}

func deriveCBC(expand blockOf, size int) deriveFunc {
	return func(k *Key, m *pkcs11.Mechanism, _ Derivation) ([]byte, error) {
		b, err := expand(k)
		if err != nil {
			return nil, err
		}
		iv, data, err := cryptoki.CBCDerivationData(m, size)
		if err != nil || len(data)%size != 0 {
			return nil, errParameter
		}
		cipher.NewCBCEncrypter(b, iv).CryptBlocks(data, data)
		return data, nil
	}
}

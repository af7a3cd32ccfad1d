package mechanism

import (
	"crypto/cipher"
	"crypto/subtle"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

const (
	gcmNonce  = 12
	gcmTag    = 16
	gcmMinTag = 96 // bits; NIST SP 800-38D §5.2.1.2 without its two short exceptions
)

func gcm(k *Key, m *pkcs11.Mechanism, encrypt bool, _ *Space) (Cipher, error) {
	p, err := cryptoki.GCMParameter(m)
	if err != nil || p.TagBits%8 != 0 || p.TagBits < gcmMinTag {
		return nil, errParameter
	}
	aead, err := k.aead(len(p.IV))
	if err != nil {
		return nil, err
	}
	g := &gcmRun{aead, p.IV, p.AAD, int(p.TagBits / 8)}
	if encrypt {
		return &whole{run: g.seal}, nil
	}
	return &whole{run: g.open}, nil
}

// aead is AES-GCM; the usual nonce length is kept prepared.
func (k *Key) aead(nonce int) (cipher.AEAD, error) {
	if a := k.gcm.Load(); a != nil && nonce == gcmNonce {
		return *a, nil
	}
	b, err := k.aes()
	if err != nil {
		return nil, err
	}
	a, err := cipher.NewGCMWithNonceSize(b, nonce)
	if err != nil {
		return nil, errParameter
	}
	if nonce == gcmNonce {
		k.gcm.Store(&a)
	}
	return a, nil
}

type gcmRun struct {
	aead    cipher.AEAD
	iv, aad []byte
	tag     int // bytes
}

func (g *gcmRun) seal(in []byte) ([]byte, error) {
	out := g.aead.Seal(make([]byte, 0, len(in)+gcmTag), g.iv, in, g.aad)
	return out[:len(in)+g.tag], nil
}

func (g *gcmRun) open(in []byte) ([]byte, error) {
	if len(in) < g.tag {
		return nil, errCiphertextLength
	}
	if g.tag < gcmTag {
		return g.openShort(in)
	}
	out, err := g.aead.Open(make([]byte, 0, len(in)), g.iv, in, g.aad)
	if err != nil {
		return nil, errCiphertext
	}
	return out, nil
}

// openShort compares a truncated tag, which cipher.AEAD does not do together
// with any nonce length: it seals again and compares.
func (g *gcmRun) openShort(in []byte) ([]byte, error) {
	body, tag := in[:len(in)-g.tag], in[len(in)-g.tag:]
	plain := g.aead.Seal(nil, g.iv, make([]byte, len(body)), nil)[:len(body)]
	subtle.XORBytes(plain, plain, body)
	again := g.aead.Seal(nil, g.iv, plain, g.aad)
	if subtle.ConstantTimeCompare(again[len(body):len(body)+g.tag], tag) != 1 {
		clear(plain)
		return nil, errCiphertext
	}
	return plain, nil
}

package mechanism

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"

	"github.com/miekg/pkcs11"
)

// Key is the material behind a key object: a secret value, or one half of an RSA or
// elliptic pair. It does not change, so many sessions use it at once; what an operation
// can prepare from it is made at first use and kept.
type Key struct {
	value   []byte
	public  *rsa.PublicKey
	private *rsa.PrivateKey
	half    *half

	block atomic.Pointer[cipher.Block]
	gcm   atomic.Pointer[cipher.AEAD]
	pads  [hashes]atomic.Pointer[pads]
	name  atomic.Pointer[name]
}

// name is a Name and what it was made under.
type name struct {
	under *[32]byte
	name  uint64
}

// NewSecret takes over the value of a secret key.
func NewSecret(value []byte) *Key { return &Key{value: value} }

// NewPublic takes over an RSA public key.
func NewPublic(k *rsa.PublicKey) *Key { return &Key{public: k} }

// NewPrivate takes over an RSA private key, which must be complete and checked.
func NewPrivate(k *rsa.PrivateKey) *Key { return &Key{private: k, public: &k.PublicKey} }

// Value is the secret value, nil for half of a pair. Do not change it.
func (k *Key) Value() []byte { return k.value }

// Public is the public half of an RSA pair, nil for any other key.
func (k *Key) Public() *rsa.PublicKey { return k.public }

// Private is the private half of an RSA pair, nil where there is none.
func (k *Key) Private() *rsa.PrivateKey { return k.private }

// PublicKey is the public half of a pair of any kind, nil for a secret key.
func (k *Key) PublicKey() crypto.PublicKey {
	switch {
	case k.half != nil:
		return k.half.public
	case k.public != nil:
		return k.public
	}
	return nil
}

// PublicHalf is a key that is the public half of a pair alone.
func (k *Key) PublicHalf() *Key {
	if k.half != nil {
		return &Key{half: &half{curve: k.half.curve, public: k.half.public}}
	}
	return NewPublic(k.public)
}

// Size is what a mechanism's Min and Max count: bytes of a secret, bits of a
// modulus or of a curve's field.
func (k *Key) Size() int {
	switch {
	case k.half != nil:
		return k.half.curve.bits
	case k.public != nil:
		return k.public.N.BitLen()
	}
	return len(k.value)
}

// Name tells values apart without telling them: the first 8 bytes of the HMAC-SHA-256,
// under a secret of the caller's, of a secret value or of the modulus of an RSA pair.
func (k *Key) Name(under *[32]byte) uint64 {
	if n := k.name.Load(); n != nil && n.under == under {
		return n.name
	}
	mac := hmac.New(sha256.New, under[:])
	if k.public != nil {
		mac.Write([]byte("RSA "))
		mac.Write(k.public.N.Bytes())
	} else {
		mac.Write(k.value)
	}
	n := &name{under, binary.BigEndian.Uint64(mac.Sum(nil))}
	k.name.Store(n)
	return n.name
}

// aes is the expanded AES key.
func (k *Key) aes() (cipher.Block, error) {
	if b := k.block.Load(); b != nil {
		return *b, nil
	}
	b, err := aes.NewCipher(k.value)
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	k.block.Store(&b)
	return b, nil
}

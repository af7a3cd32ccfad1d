package mechanism

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"sync/atomic"

	"github.com/miekg/pkcs11"
)

// Key is the material behind a key object: a secret value, or one half of an RSA
// pair. It does not change, so many sessions use it at once; what an operation
// can prepare from it is made at first use and kept.
type Key struct {
	value   []byte
	public  *rsa.PublicKey
	private *rsa.PrivateKey

	block atomic.Pointer[cipher.Block]
	gcm   atomic.Pointer[cipher.AEAD]
	pads  [hashes]atomic.Pointer[pads]
}

// NewSecret takes over the value of a secret key.
func NewSecret(value []byte) *Key { return &Key{value: value} }

// NewPublic takes over an RSA public key.
func NewPublic(k *rsa.PublicKey) *Key { return &Key{public: k} }

// NewPrivate takes over an RSA private key, which must be complete and checked.
func NewPrivate(k *rsa.PrivateKey) *Key { return &Key{private: k, public: &k.PublicKey} }

// Value is the secret value, nil for RSA. Do not change it.
func (k *Key) Value() []byte { return k.value }

// Public is the public half, nil for a secret key.
func (k *Key) Public() *rsa.PublicKey { return k.public }

// Private is the private half, nil where there is none.
func (k *Key) Private() *rsa.PrivateKey { return k.private }

// Size is what a mechanism's Min and Max count: bytes of a secret, bits of a
// modulus.
func (k *Key) Size() int {
	if k.public != nil {
		return k.public.N.BitLen()
	}
	return len(k.value)
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

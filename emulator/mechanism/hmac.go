package mechanism

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"hash"

	"github.com/miekg/pkcs11"
)

// Hash is a digest of this token.
type Hash int

// The digests, for DigestInit and behind each HMAC.
const (
	SHA1 Hash = iota
	SHA256
	SHA512
	hashes
)

var hashNew = [hashes]func() hash.Hash{sha1.New, sha256.New, sha512.New}

var macKeys = []uint{pkcs11.CKK_GENERIC_SECRET, pkcs11.CKK_SHA_1_HMAC, pkcs11.CKK_SHA256_HMAC, pkcs11.CKK_SHA512_HMAC}

// macKey lists the key types of one HMAC: a key made for another hash is not its.
func macKey(own uint) []uint { return []uint{pkcs11.CKK_GENERIC_SECRET, own} }

// HMAC keys have no minimum: RFC 2104 §3 discourages short ones, and the test
// vectors of RFC 6238 are 20 bytes.
var hashTable = []Spec{
	{Type: pkcs11.CKM_SHA_1, Operations: Digest, hash: SHA1},
	{Type: pkcs11.CKM_SHA256, Operations: Digest, hash: SHA256},
	{Type: pkcs11.CKM_SHA512, Operations: Digest, hash: SHA512},
	{Type: pkcs11.CKM_SHA_1_HMAC, Operations: Sign | Verify, KeyTypes: macKey(pkcs11.CKK_SHA_1_HMAC), Min: 1, Max: maxSecret, hash: SHA1},
	{Type: pkcs11.CKM_SHA256_HMAC, Operations: Sign | Verify, KeyTypes: macKey(pkcs11.CKK_SHA256_HMAC), Min: 1, Max: maxSecret, hash: SHA256},
	{Type: pkcs11.CKM_SHA512_HMAC, Operations: Sign | Verify, KeyTypes: macKey(pkcs11.CKK_SHA512_HMAC), Min: 1, Max: maxSecret, hash: SHA512},
}

// resumable is what Go's digests are: their state can be saved and put back,
// which is quicker than hashing a padded key again.
type resumable interface {
	hash.Hash
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// pads is an HMAC key after its inner and outer block went through the digest.
type pads struct{ inner, outer []byte }

func (k *Key) hmac(h Hash) *pads {
	if p := k.pads[h].Load(); p != nil {
		return p
	}
	p := newPads(h, k.value)
	k.pads[h].Store(p)
	return p
}

func newPads(h Hash, key []byte) *pads {
	d := hashNew[h]().(resumable)
	if len(key) > d.BlockSize() {
		d.Write(key)
		key = d.Sum(nil)
	}
	return &pads{padState(d, key, 0x36), padState(d, key, 0x5c)}
}

func padState(d resumable, key []byte, pad byte) []byte {
	block := make([]byte, d.BlockSize())
	copy(block, key)
	for i := range block {
		block[i] ^= pad
	}
	d.Reset()
	d.Write(block)
	clear(block)
	state, err := d.MarshalBinary()
	if err != nil {
		panic("mechanism: Go's digests always give their state: " + err.Error())
	}
	return state
}

// Hashing is one digest or HMAC in progress. It is made to be used again and
// again by one session; it allocates only at the first use of a digest.
type Hashing struct {
	made  [hashes]resumable
	run   resumable
	outer []byte // nil for a bare digest
	sum   [sha512.Size]byte
}

// StartDigest begins a bare digest.
func (r *Hashing) StartDigest(h Hash) {
	r.pick(h)
	r.outer = nil
	r.run.Reset()
}

// StartHMAC begins an HMAC under a secret key.
func (r *Hashing) StartHMAC(h Hash, k *Key) {
	r.pick(h)
	p := k.hmac(h)
	r.outer = p.outer
	r.resume(p.inner)
}

// Write adds data.
func (r *Hashing) Write(data []byte) { r.run.Write(data) }

// Sum appends the digest or MAC and ends the run.
func (r *Hashing) Sum(dst []byte) []byte {
	if r.outer == nil {
		return r.run.Sum(dst)
	}
	inner := r.run.Sum(r.sum[:0])
	r.resume(r.outer)
	r.run.Write(inner)
	return r.run.Sum(dst)
}

// Size is the length of the result.
func (r *Hashing) Size() int { return r.run.Size() }

func (r *Hashing) pick(h Hash) {
	if r.made[h] == nil {
		r.made[h] = hashNew[h]().(resumable)
	}
	r.run = r.made[h]
}

func (r *Hashing) resume(state []byte) {
	if err := r.run.UnmarshalBinary(state); err != nil {
		panic("mechanism: a digest refused its own state: " + err.Error())
	}
}

package mechanism

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
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
	SHA224
	SHA256
	SHA384
	SHA512
	SHA512_224
	SHA512_256
	SHA3_224
	SHA3_256
	SHA3_384
	SHA3_512
	hashes
)

type digestRow struct {
	make                          func() hash.Hash
	digest, hmac, general, ofHMAC uint
}

// digests says of each digest how it is made, and the numbers of its mechanisms and of
// the key type that is for its HMAC alone: PKCS #11 v3.0 §2.21 to §2.27, §2.34 to §2.37.
var digests = [hashes]digestRow{
	SHA1:       {sha1.New, pkcs11.CKM_SHA_1, pkcs11.CKM_SHA_1_HMAC, pkcs11.CKM_SHA_1_HMAC_GENERAL, pkcs11.CKK_SHA_1_HMAC},
	SHA224:     {sha256.New224, pkcs11.CKM_SHA224, pkcs11.CKM_SHA224_HMAC, pkcs11.CKM_SHA224_HMAC_GENERAL, pkcs11.CKK_SHA224_HMAC},
	SHA256:     {sha256.New, pkcs11.CKM_SHA256, pkcs11.CKM_SHA256_HMAC, pkcs11.CKM_SHA256_HMAC_GENERAL, pkcs11.CKK_SHA256_HMAC},
	SHA384:     {sha512.New384, pkcs11.CKM_SHA384, pkcs11.CKM_SHA384_HMAC, pkcs11.CKM_SHA384_HMAC_GENERAL, pkcs11.CKK_SHA384_HMAC},
	SHA512:     {sha512.New, pkcs11.CKM_SHA512, pkcs11.CKM_SHA512_HMAC, pkcs11.CKM_SHA512_HMAC_GENERAL, pkcs11.CKK_SHA512_HMAC},
	SHA512_224: {sha512.New512_224, pkcs11.CKM_SHA512_224, pkcs11.CKM_SHA512_224_HMAC, pkcs11.CKM_SHA512_224_HMAC_GENERAL, CKK_SHA512_224_HMAC},
	SHA512_256: {sha512.New512_256, pkcs11.CKM_SHA512_256, pkcs11.CKM_SHA512_256_HMAC, pkcs11.CKM_SHA512_256_HMAC_GENERAL, CKK_SHA512_256_HMAC},
	SHA3_224:   {newSHA3(sha3.New224), pkcs11.CKM_SHA3_224, pkcs11.CKM_SHA3_224_HMAC, pkcs11.CKM_SHA3_224_HMAC_GENERAL, pkcs11.CKK_SHA3_224_HMAC},
	SHA3_256:   {newSHA3(sha3.New256), pkcs11.CKM_SHA3_256, pkcs11.CKM_SHA3_256_HMAC, pkcs11.CKM_SHA3_256_HMAC_GENERAL, pkcs11.CKK_SHA3_256_HMAC},
	SHA3_384:   {newSHA3(sha3.New384), pkcs11.CKM_SHA3_384, pkcs11.CKM_SHA3_384_HMAC, pkcs11.CKM_SHA3_384_HMAC_GENERAL, pkcs11.CKK_SHA3_384_HMAC},
	SHA3_512:   {newSHA3(sha3.New512), pkcs11.CKM_SHA3_512, pkcs11.CKM_SHA3_512_HMAC, pkcs11.CKM_SHA3_512_HMAC_GENERAL, pkcs11.CKK_SHA3_512_HMAC},
}

func newSHA3(f func() *sha3.SHA3) func() hash.Hash { return func() hash.Hash { return f() } }

// macKeys are the generic secrets and the keys of one HMAC each.
var macKeys = func() []uint {
	types := []uint{pkcs11.CKK_GENERIC_SECRET}
	for _, d := range digests {
		types = append(types, d.ofHMAC)
	}
	return types
}()

// HMAC keys have no minimum: RFC 2104 §3 discourages short ones, and the test
// vectors of RFC 6238 are 20 bytes. A key made for another hash is not an HMAC's.
var hashTable = func() (rows []Spec) {
	for h, d := range digests {
		own := []uint{pkcs11.CKK_GENERIC_SECRET, d.ofHMAC}
		mac := Spec{Type: d.hmac, Operations: Sign | Verify, KeyTypes: own, Min: 1, Max: maxSecret, hash: Hash(h)}
		short := mac
		short.Type, short.general = d.general, true
		rows = append(rows, Spec{Type: d.digest, Operations: Digest, hash: Hash(h)}, mac, short)
	}
	return rows
}()

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
	d := digests[h].make().(resumable)
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

// Hashing is one digest, signature or verification in progress. It is made to be
// used again and again by one session; it allocates only at the first use of a
// digest, and for what is no HMAC.
type Hashing struct {
	made   [hashes]resumable
	run    resumable
	outer  []byte // nil for a bare digest
	size   int    // bytes of the result
	sum    [sha512.Size]byte
	signer signer // instead of run
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
func (r *Hashing) Write(data []byte) {
	if r.signer != nil {
		r.signer.Write(data)
		return
	}
	r.run.Write(data)
}

// Sum appends the digest or HMAC and ends the run.
func (r *Hashing) Sum(dst []byte) []byte {
	start := len(dst)
	if r.outer == nil {
		dst = r.run.Sum(dst)
	} else {
		inner := r.run.Sum(r.sum[:0])
		r.resume(r.outer)
		r.run.Write(inner)
		dst = r.run.Sum(dst)
	}
	return dst[:start+r.size]
}

func (r *Hashing) pick(h Hash) {
	if r.made[h] == nil {
		r.made[h] = digests[h].make().(resumable)
	}
	r.run, r.size, r.signer = r.made[h], r.made[h].Size(), nil
}

func (r *Hashing) resume(state []byte) {
	if err := r.run.UnmarshalBinary(state); err != nil {
		panic("mechanism: a digest refused its own state: " + err.Error())
	}
}

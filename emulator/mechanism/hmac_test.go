package mechanism_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha1"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

var hashes = map[mechanism.Hash]crypto.Hash{
	mechanism.SHA1:   crypto.SHA1,
	mechanism.SHA256: crypto.SHA256,
	mechanism.SHA512: crypto.SHA512,
}

// One Hashing serves any sequence of keys, digests and parts, and gives what
// Go's hmac does. Keys may be shorter and longer than a block.
func TestHMACAndDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r mechanism.Hashing
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			h := rapid.SampledFrom([]mechanism.Hash{mechanism.SHA1, mechanism.SHA256, mechanism.SHA512}).Draw(t, "hash")
			key := bytesOf(t, "key", rapid.IntRange(1, 200).Draw(t, "key length"))
			want := hmac.New(hashes[h].New, key)
			if rapid.Bool().Draw(t, "bare digest") {
				r.StartDigest(h)
				want = hashes[h].New()
			} else {
				r.StartHMAC(h, mechanism.NewSecret(key))
			}
			for range rapid.IntRange(0, 3).Draw(t, "parts") {
				part := bytesOf(t, "part", rapid.IntRange(0, 150).Draw(t, "part length"))
				r.Write(part)
				want.Write(part)
			}
			if got := r.Sum(nil); !bytes.Equal(got, want.Sum(nil)) || len(got) != r.Size() {
				t.Fatalf("%v: %x, want %x", hashes[h], got, want.Sum(nil))
			}
		}
	})
}

func TestHMACAllocatesNothingButItsResult(t *testing.T) {
	var r mechanism.Hashing
	k, data, out := mechanism.NewSecret(make([]byte, 32)), make([]byte, 16), make([]byte, 0, 64)
	for h := range hashes {
		n := testing.AllocsPerRun(100, func() {
			r.StartHMAC(h, k)
			r.Write(data)
			out = r.Sum(out[:0])
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", hashes[h], n)
		}
	}
}

func TestCheckValue(t *testing.T) {
	zeros := mechanism.NewSecret(make([]byte, 16))
	// AES-128 of a zero block under a zero key, FIPS 197 test vectors.
	if got := mechanism.CheckValue(pkcs11.CKK_AES, zeros); !bytes.Equal(got, []byte{0x66, 0xe9, 0x4b}) {
		t.Errorf("AES: %x", got)
	}
	sum := sha1.Sum(make([]byte, 16))
	if got := mechanism.CheckValue(pkcs11.CKK_GENERIC_SECRET, zeros); !bytes.Equal(got, sum[:3]) {
		t.Errorf("generic secret: %x", got)
	}
}

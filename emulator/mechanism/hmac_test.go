package mechanism_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// knownHashes has of each digest its value of "abc" (NIST's examples for FIPS 180-4 and
// FIPS 202) and its HMAC of "Hi There" under twenty bytes 0x0b (RFC 2202 and RFC 4231, case
// 1; those of the newer digests are OpenSSL 3's).
var knownHashes = []struct {
	hash                 mechanism.Hash
	inGo                 crypto.Hash
	digest, mac, general uint
	ofABC, ofHiThere     string
}{
	{mechanism.SHA1, crypto.SHA1, pkcs11.CKM_SHA_1, pkcs11.CKM_SHA_1_HMAC, pkcs11.CKM_SHA_1_HMAC_GENERAL,
		"a9993e364706816aba3e25717850c26c9cd0d89d",
		"b617318655057264e28bc0b6fb378c8ef146be00"},
	{mechanism.SHA224, crypto.SHA224, pkcs11.CKM_SHA224, pkcs11.CKM_SHA224_HMAC, pkcs11.CKM_SHA224_HMAC_GENERAL,
		"23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
		"896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"},
	{mechanism.SHA256, crypto.SHA256, pkcs11.CKM_SHA256, pkcs11.CKM_SHA256_HMAC, pkcs11.CKM_SHA256_HMAC_GENERAL,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{mechanism.SHA384, crypto.SHA384, pkcs11.CKM_SHA384, pkcs11.CKM_SHA384_HMAC, pkcs11.CKM_SHA384_HMAC_GENERAL,
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
		"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
	{mechanism.SHA512, crypto.SHA512, pkcs11.CKM_SHA512, pkcs11.CKM_SHA512_HMAC, pkcs11.CKM_SHA512_HMAC_GENERAL,
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
	{mechanism.SHA512_224, crypto.SHA512_224, pkcs11.CKM_SHA512_224, pkcs11.CKM_SHA512_224_HMAC, pkcs11.CKM_SHA512_224_HMAC_GENERAL,
		"4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
		"b244ba01307c0e7a8ccaad13b1067a4cf6b961fe0c6a20bda3d92039"},
	{mechanism.SHA512_256, crypto.SHA512_256, pkcs11.CKM_SHA512_256, pkcs11.CKM_SHA512_256_HMAC, pkcs11.CKM_SHA512_256_HMAC_GENERAL,
		"53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
		"9f9126c3d9c3c330d760425ca8a217e31feae31bfe70196ff81642b868402eab"},
	{mechanism.SHA3_224, crypto.SHA3_224, pkcs11.CKM_SHA3_224, pkcs11.CKM_SHA3_224_HMAC, pkcs11.CKM_SHA3_224_HMAC_GENERAL,
		"e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
		"3b16546bbc7be2706a031dcafd56373d9884367641d8c59af3c860f7"},
	{mechanism.SHA3_256, crypto.SHA3_256, pkcs11.CKM_SHA3_256, pkcs11.CKM_SHA3_256_HMAC, pkcs11.CKM_SHA3_256_HMAC_GENERAL,
		"3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
		"ba85192310dffa96e2a3a40e69774351140bb7185e1202cdcc917589f95e16bb"},
	{mechanism.SHA3_384, crypto.SHA3_384, pkcs11.CKM_SHA3_384, pkcs11.CKM_SHA3_384_HMAC, pkcs11.CKM_SHA3_384_HMAC_GENERAL,
		"ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
		"68d2dcf7fd4ddd0a2240c8a437305f61fb7334cfb5d0226e1bc27dc10a2e723a20d370b47743130e26ac7e3d532886bd"},
	{mechanism.SHA3_512, crypto.SHA3_512, pkcs11.CKM_SHA3_512, pkcs11.CKM_SHA3_512_HMAC, pkcs11.CKM_SHA3_512_HMAC_GENERAL,
		"b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
		"eb3fbd4b2eaab8f5c504bd3a41465aacec15770a7cabac531e482f860b5ec7ba47ccb2c6f2afce8f88d22b6dc61380f23a668fd3888bb80537c0a0b86407689e"},
}

func TestHashVectors(t *testing.T) {
	key := mechanism.NewSecret(bytes.Repeat([]byte{0x0b}, 20))
	for _, c := range knownHashes {
		var r mechanism.Hashing
		r.StartDigest(mechanism.Lookup(c.digest).Hash())
		r.Write([]byte("abc"))
		if got, err := r.Sign(); err != nil || hex.EncodeToString(got) != c.ofABC {
			t.Errorf("%v of abc: %x, %v", c.inGo, got, err)
		}
		if got := mac(t, key, pkcs11.NewMechanism(c.mac, nil), "Hi There"); got != c.ofHiThere {
			t.Errorf("HMAC of %v: %s", c.inGo, got)
		}
		for _, n := range []int{4, 11, c.inGo.Size()} {
			if got := mac(t, key, general(c.general, n), "Hi ", "There"); got != c.ofHiThere[:2*n] {
				t.Errorf("HMAC of %v, %d bytes: %s", c.inGo, n, got)
			}
		}
		for _, n := range []int{0, 3, c.inGo.Size() + 1, 1 << 40} {
			err := new(mechanism.Hashing).Start(mechanism.Lookup(c.general), key, general(c.general, n))
			wants(t, "a MAC of an impossible length", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
		}
	}
}

// mac signs, and checks that this very signature verifies and no other does.
func mac(t *testing.T, k *mechanism.Key, m *pkcs11.Mechanism, parts ...string) string {
	t.Helper()
	signature, err := sign(k, m, parts...)
	if err != nil {
		t.Fatalf("%#x: %v", m.Mechanism, err)
	}
	if err := verify(k, m, signature, parts...); err != nil {
		t.Errorf("%#x: %v", m.Mechanism, err)
	}
	wants(t, "a short signature", verify(k, m, signature[:len(signature)-1], parts...), pkcs11.CKR_SIGNATURE_LEN_RANGE)
	wants(t, "another message", verify(k, m, signature, "another"), pkcs11.CKR_SIGNATURE_INVALID)
	return hex.EncodeToString(signature)
}

func sign(k *mechanism.Key, m *pkcs11.Mechanism, parts ...string) ([]byte, error) {
	var r mechanism.Hashing
	if err := r.Start(mechanism.Lookup(m.Mechanism), k, m); err != nil {
		return nil, err
	}
	for _, p := range parts {
		r.Write([]byte(p))
	}
	return r.Sign()
}

func verify(k *mechanism.Key, m *pkcs11.Mechanism, signature []byte, parts ...string) error {
	var r mechanism.Hashing
	if err := r.Start(mechanism.Lookup(m.Mechanism), k, m); err != nil {
		return err
	}
	for _, p := range parts {
		r.Write([]byte(p))
	}
	return r.Verify(signature)
}

// general is a mechanism that gives n bytes of a MAC.
func general(mech uint, n int) *pkcs11.Mechanism {
	return pkcs11.NewMechanism(mech, binary.NativeEndian.AppendUint64(nil, uint64(n)))
}

// One Hashing serves any sequence of keys, digests and parts, and gives what
// Go's hmac does. Keys may be shorter and longer than a block.
func TestHMACAndDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r mechanism.Hashing
		for range rapid.IntRange(1, 4).Draw(t, "runs") {
			c := rapid.SampledFrom(knownHashes).Draw(t, "hash")
			key := bytesOf(t, "key", rapid.IntRange(1, 200).Draw(t, "key length"))
			want := hmac.New(c.inGo.New, key)
			if rapid.Bool().Draw(t, "bare digest") {
				r.StartDigest(c.hash)
				want = c.inGo.New()
			} else {
				r.StartHMAC(c.hash, mechanism.NewSecret(key))
			}
			for range rapid.IntRange(0, 3).Draw(t, "parts") {
				part := bytesOf(t, "part", rapid.IntRange(0, 150).Draw(t, "part length"))
				r.Write(part)
				want.Write(part)
			}
			if got := r.Sum(nil); !bytes.Equal(got, want.Sum(nil)) || len(got) != c.inGo.Size() {
				t.Fatalf("%v: %x, want %x", c.inGo, got, want.Sum(nil))
			}
		}
	})
}

func TestHMACAllocatesNothingButItsResult(t *testing.T) {
	var r mechanism.Hashing
	k, data, out := mechanism.NewSecret(make([]byte, 32)), make([]byte, 16), make([]byte, 0, 64)
	for _, c := range knownHashes {
		n := testing.AllocsPerRun(100, func() {
			r.StartHMAC(c.hash, k)
			r.Write(data)
			out = r.Sum(out[:0])
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", c.inGo, n)
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

package mechanism_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/mechanism"
	"github.com/epsbench/epsbench/vectors"
)

func TestKeyWrapVectors(t *testing.T) {
	for _, c := range []struct {
		mechanism uint
		vectors   []vectors.KeyWrap
	}{
		{pkcs11.CKM_AES_KEY_WRAP, vectors.RFC3394()},
		{pkcs11.CKM_AES_KEY_WRAP_PAD, vectors.RFC5649()},
		{mechanism.CKM_AES_KEY_WRAP_KWP, vectors.RFC5649()},
	} {
		spec, m := mechanism.Lookup(c.mechanism), pkcs11.NewMechanism(c.mechanism, nil)
		for _, v := range c.vectors {
			kek := mechanism.NewSecret(v.KEK)
			wrapped, err := spec.Wrap(kek, m, v.Key, nil)
			if err != nil || !bytes.Equal(wrapped, v.Wrapped) {
				t.Errorf("%s: wrapped %x, %v", v.ID, wrapped, err)
			}
			key, err := spec.Unwrap(kek, m, v.Wrapped)
			if err != nil || !bytes.Equal(key, v.Key) {
				t.Errorf("%s: unwrapped %x, %v", v.ID, key, err)
			}
		}
	}
}

// Whatever is wrapped comes back; whatever is changed does not.
func TestKeyWrapAnyKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		padded := rapid.Bool().Draw(t, "padded")
		m := pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP, nil)
		key := bytesOf(t, "key", 8*rapid.IntRange(2, 12).Draw(t, "semiblocks"))
		if padded {
			m = pkcs11.NewMechanism(mechanism.CKM_AES_KEY_WRAP_KWP, nil)
			key = bytesOf(t, "key", rapid.IntRange(1, 99).Draw(t, "length"))
		}
		spec := mechanism.Lookup(m.Mechanism)
		kek := mechanism.NewSecret(aesKey(t))
		wrapped, err := spec.Wrap(kek, m, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := spec.Unwrap(kek, m, wrapped); err != nil || !bytes.Equal(back, key) {
			t.Fatalf("came back as %x, %v", back, err)
		}
		wrapped[rapid.IntRange(0, len(wrapped)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if back, err := spec.Unwrap(kek, m, wrapped); err == nil {
			t.Fatalf("a changed bit gave %x", back)
		}
	})
}

func TestKeyWrapRefusals(t *testing.T) {
	kek := mechanism.NewSecret(make([]byte, 32))
	for _, n := range []int{0, 8, 20} {
		_, err := mechanism.Lookup(pkcs11.CKM_AES_KEY_WRAP).Wrap(kek, pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP, nil), make([]byte, n), nil)
		wants(t, "RFC 3394 of a length that it does not take", err, pkcs11.CKR_KEY_SIZE_RANGE)
	}
	for _, mech := range []uint{pkcs11.CKM_AES_KEY_WRAP, mechanism.CKM_AES_KEY_WRAP_KWP} {
		m := pkcs11.NewMechanism(mech, nil)
		for _, n := range []int{0, 8, 23, 1<<16 + 16} {
			_, err := mechanism.Lookup(mech).Unwrap(kek, m, make([]byte, n))
			wants(t, "a blob of the wrong length", err, pkcs11.CKR_WRAPPED_KEY_LEN_RANGE)
		}
		_, err := mechanism.Lookup(mech).Unwrap(kek, m, make([]byte, 24))
		wants(t, "a blob that nobody made", err, pkcs11.CKR_WRAPPED_KEY_INVALID)
	}
}

// The block modes give what Go's do, in one part or in many.
func TestBlockModes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, iv := aesKey(t), bytesOf(t, "iv", 16)
		plain := bytesOf(t, "plain", rapid.IntRange(0, 100).Draw(t, "length"))
		m := rapid.SampledFrom([]*pkcs11.Mechanism{
			pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, nil),
			pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, iv),
			pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_PAD, iv),
		}).Draw(t, "mode")
		if m.Mechanism != pkcs11.CKM_AES_CBC_PAD {
			plain = plain[:len(plain)/16*16]
		}
		k := mechanism.NewSecret(key)
		encrypted := inParts(t, k, m, true, plain)
		if want := goBlocks(key, m, plain); !bytes.Equal(encrypted, want) {
			t.Fatalf("encrypted %x, want %x", encrypted, want)
		}
		if back := inParts(t, k, m, false, encrypted); !bytes.Equal(back, plain) {
			t.Fatalf("decrypted %x, want %x", back, plain)
		}
	})
}

// goBlocks is the same by Go's own modes.
func goBlocks(key []byte, m *pkcs11.Mechanism, plain []byte) []byte {
	b, _ := aes.NewCipher(key)
	if m.Mechanism == pkcs11.CKM_AES_CBC_PAD {
		n := 16 - len(plain)%16
		plain = append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	}
	out := make([]byte, len(plain))
	if m.Mechanism == pkcs11.CKM_AES_ECB {
		for i := 0; i < len(plain); i += 16 {
			b.Encrypt(out[i:], plain[i:])
		}
	} else {
		cipher.NewCBCEncrypter(b, m.Parameter).CryptBlocks(out, plain)
	}
	return out
}

// inParts runs a cipher on pieces of drawn lengths.
func inParts(t *rapid.T, k *mechanism.Key, m *pkcs11.Mechanism, encrypt bool, in []byte) []byte {
	c, err := lookup(m.Mechanism).Start(k, m, encrypt, new(mechanism.Space))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for len(in) > 0 {
		n := rapid.IntRange(1, len(in)).Draw(t, "part")
		if out, err = c.Update(out, in[:n]); err != nil {
			t.Fatal(err)
		}
		in = in[n:]
	}
	if out, err = c.Final(out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestBlockModeRefusals(t *testing.T) {
	k, iv := mechanism.NewSecret(make([]byte, 16)), make([]byte, 16)
	pad, cbc := pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_PAD, iv), pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, iv)
	_, err := run(k, cbc, true, make([]byte, 15))
	wants(t, "half a block", err, pkcs11.CKR_DATA_LEN_RANGE)
	_, err = run(k, cbc, false, make([]byte, 17))
	wants(t, "a block and a byte", err, pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE)
	_, err = run(k, pad, false, nil)
	wants(t, "no padding at all", err, pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE)
	for _, last := range []byte{0, 17} {
		block, _ := run(k, cbc, true, append(make([]byte, 15), last))
		_, err = run(k, pad, false, block)
		wants(t, "padding of an impossible length", err, pkcs11.CKR_ENCRYPTED_DATA_INVALID)
	}
	block, _ := run(k, cbc, true, append(make([]byte, 14), 3, 2))
	_, err = run(k, pad, false, block)
	wants(t, "padding bytes that differ", err, pkcs11.CKR_ENCRYPTED_DATA_INVALID)
	_, err = run(k, pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, iv[:8]), true, nil)
	wants(t, "a short IV", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	_, err = run(k, pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, iv), true, nil)
	wants(t, "ECB with an IV", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
}

// GCM is Go's, with tags that may be short and IVs of any length.
func TestGCM(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, aad := aesKey(t), bytesOf(t, "aad", rapid.IntRange(0, 40).Draw(t, "aad length"))
		iv := bytesOf(t, "iv", rapid.IntRange(1, 40).Draw(t, "iv length"))
		tag := rapid.IntRange(12, 16).Draw(t, "tag")
		plain := bytesOf(t, "plain", rapid.IntRange(0, 100).Draw(t, "length"))
		k, m := mechanism.NewSecret(key), pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv, aad, 8*tag))

		b, _ := aes.NewCipher(key)
		a, _ := cipher.NewGCMWithNonceSize(b, len(iv))
		want := a.Seal(nil, iv, plain, aad)[:len(plain)+tag]
		sealed := inParts(t, k, m, true, plain)
		if !bytes.Equal(sealed, want) {
			t.Fatalf("sealed %x, want %x", sealed, want)
		}
		if back := inParts(t, k, m, false, sealed); !bytes.Equal(back, plain) {
			t.Fatalf("opened %x, want %x", back, plain)
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= 0x10
		if back, err := run(k, m, false, sealed); err == nil {
			t.Fatalf("a changed byte gave %x", back)
		}
	})
}

func TestGCMRefusals(t *testing.T) {
	k, iv := mechanism.NewSecret(make([]byte, 16)), make([]byte, 12)
	for _, tag := range []int{0, 32, 64, 95, 97, 136} {
		_, err := run(k, pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv, nil, tag)), true, nil)
		wants(t, "a tag that tells nothing", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	}
	_, err := run(k, pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(nil, nil, 128)), true, nil)
	wants(t, "no IV, which must not mean zeros", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	_, err = run(k, pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv, nil, 128)), false, make([]byte, 15))
	wants(t, "less than a tag", err, pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE)
}

// A derivation is the encryption of the data, and nothing else.
func TestDerivations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, iv := aesKey(t), bytesOf(t, "iv", 16)
		data := bytesOf(t, "data", 16*rapid.IntRange(1, 5).Draw(t, "blocks"))
		var p runtime.Pinner
		defer p.Unpin()
		param := cryptoki.PinDerivationData(&p, data)
		ecb := pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, param)
		cbc := pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_ENCRYPT_DATA, append(bytes.Clone(iv), param...))
		for _, c := range []struct {
			m    *pkcs11.Mechanism
			want []byte
		}{
			{ecb, goBlocks(key, pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, nil), data)},
			{cbc, goBlocks(key, pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, iv), data)},
		} {
			got, err := mechanism.Lookup(c.m.Mechanism).Derive(mechanism.NewSecret(key), c.m, mechanism.Derivation{})
			if err != nil || !bytes.Equal(got, c.want) {
				t.Fatalf("%#x: %x, %v, want %x", c.m.Mechanism, got, err, c.want)
			}
		}
	})
}

func TestDerivationOfHalfABlock(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	param := cryptoki.PinDerivationData(&p, make([]byte, 24))
	for _, m := range []*pkcs11.Mechanism{
		pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, param),
		pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_ENCRYPT_DATA, append(make([]byte, 16), param...)),
	} {
		_, err := mechanism.Lookup(m.Mechanism).Derive(mechanism.NewSecret(make([]byte, 16)), m, mechanism.Derivation{})
		wants(t, "24 bytes of data", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	}
}

func aesKey(t *rapid.T) []byte {
	return bytesOf(t, "key", rapid.SampledFrom([]int{16, 24, 32}).Draw(t, "key length"))
}

func bytesOf(t *rapid.T, name string, n int) []byte {
	return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name)
}

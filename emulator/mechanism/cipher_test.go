package mechanism_test

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"testing"
	"unsafe"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// unhex reads hexadecimal digits.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// words are the fields of a C structure, each of eight bytes.
func words(fields ...uint64) []byte {
	var out []byte
	for _, f := range fields {
		out = binary.NativeEndian.AppendUint64(out, f)
	}
	return out
}

// at is the address of bytes that the test keeps alive and in place.
func at(p interface{ Pin(any) }, b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	p.Pin(&b[0])
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}

func ctrOf(block []byte, counter uint64) *pkcs11.Mechanism {
	return pkcs11.NewMechanism(pkcs11.CKM_AES_CTR, append(words(counter), block...))
}

// nistKey, nistPlain: NIST SP 800-38A appendix F, RFC 4493 §4.
var (
	nistKey   = unhex("2b7e151628aed2a6abf7158809cf4f3c")
	nistPlain = unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
)

func TestCTR(t *testing.T) {
	// SP 800-38A F.5.1.
	m := ctrOf(unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), 128)
	want := "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff" +
		"5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
	k := mechanism.NewSecret(nistKey)
	if got, err := run(k, m, true, nistPlain); err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v", got, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := bytesOf(t, "in", rapid.IntRange(0, 64).Draw(t, "length"))
		sealed := inParts(t, k, m, true, in)
		if back := inParts(t, k, m, false, sealed); !bytes.Equal(back, in) {
			t.Fatalf("%x came back as %x", in, back)
		}
	})
}

// A counter of a few bits ends before it would start again.
func TestCTREnds(t *testing.T) {
	k, block := mechanism.NewSecret(nistKey), bytes.Repeat([]byte{0xff}, 16)
	for _, c := range []struct {
		last byte
		bits uint64
		room int // blocks
	}{{0xff, 1, 1}, {0xff, 128, 1}, {0xf0, 4, 16}, {0xf0, 8, 16}, {0x00, 8, 256}} {
		block[15] = c.last
		if _, err := run(k, ctrOf(block, c.bits), true, make([]byte, 16*c.room)); err != nil {
			t.Errorf("%d blocks: %v", c.room, err)
		}
		_, err := run(k, ctrOf(block, c.bits), true, make([]byte, 16*c.room+1))
		wants(t, "a byte more", err, pkcs11.CKR_DATA_LEN_RANGE)
	}
}

// DES in three lengths gives what Go's does.
func TestDES(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, iv := bytesOf(t, "key", rapid.SampledFrom([]int{8, 16, 24}).Draw(t, "key length")), bytesOf(t, "iv", 8)
		plain := bytesOf(t, "plain", rapid.IntRange(0, 60).Draw(t, "length"))
		mode := rapid.IntRange(0, 2).Draw(t, "mode")
		mechs := [2][3]uint{{pkcs11.CKM_DES_ECB, pkcs11.CKM_DES_CBC, pkcs11.CKM_DES_CBC_PAD},
			{pkcs11.CKM_DES3_ECB, pkcs11.CKM_DES3_CBC, pkcs11.CKM_DES3_CBC_PAD}}
		m := pkcs11.NewMechanism(mechs[min(1, len(key)/16)][mode], iv)
		if mode == 0 {
			m.Parameter = nil
		}
		if mode < 2 {
			plain = plain[:len(plain)/8*8]
		}
		k := mechanism.NewSecret(key)
		sealed := inParts(t, k, m, true, plain)
		if want := goDES(key, iv, mode, plain); !bytes.Equal(sealed, want) {
			t.Fatalf("%x, want %x", sealed, want)
		}
		if back := inParts(t, k, m, false, sealed); !bytes.Equal(back, plain) {
			t.Fatalf("came back as %x", back)
		}
	})
}

func goDES(key, iv []byte, mode int, plain []byte) []byte {
	b, _ := des.NewTripleDESCipher(bytes.Repeat(key, 3)[:24]) // with one key thrice it is DES
	if mode == 2 {
		n := 8 - len(plain)%8
		plain = append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	}
	out := make([]byte, len(plain))
	if mode > 0 {
		cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, plain)
		return out
	}
	for i := 0; i < len(plain); i += 8 {
		b.Encrypt(out[i:], plain[i:])
	}
	return out
}

// One block under three keys, NIST SP 800-67 appendix B.1.
func TestTripleDESVector(t *testing.T) {
	k := mechanism.NewSecret(unhex("0123456789abcdef23456789abcdef01456789abcdef0123"))
	got, err := run(k, pkcs11.NewMechanism(pkcs11.CKM_DES3_ECB, nil), true, []byte("The qufck brown fox jump"))
	if want := "a826fd8ce53b855fcce21c8112256fe668d5c05dd9b6b900"; err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v", got, err)
	}
}

func TestParity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := bytesOf(t, "value", 24)
		set := bytes.Clone(value)
		mechanism.SetParity(pkcs11.CKK_DES3, set)
		for i, b := range set {
			if bits.OnesCount8(b)%2 != 1 || b>>1 != value[i]>>1 {
				t.Fatalf("%08b became %08b", value[i], b)
			}
		}
		mechanism.SetParity(pkcs11.CKK_GENERIC_SECRET, value)
	})
	k, err := mechanism.Legacy.Lookup(pkcs11.CKM_DES2_KEY_GEN).Generate(bytes.NewReader(make([]byte, 16)), pkcs11.CKK_DES2, nil, 16)
	if err != nil || !bytes.Equal(k.Value(), bytes.Repeat([]byte{1}, 16)) {
		t.Errorf("zeros became %v, %v", k, err)
	}
	if got := mechanism.CheckValue(pkcs11.CKK_DES2, k); !bytes.Equal(got, []byte{0x8c, 0xa6, 0x4d}) { // DES of zero under the key 01…01
		t.Errorf("check value %x", got)
	}
}

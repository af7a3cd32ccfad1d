package mechanism_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

func ccmOf(p *runtime.Pinner, data int, nonce, aad []byte, mac int) *pkcs11.Mechanism {
	return pkcs11.NewMechanism(pkcs11.CKM_AES_CCM,
		words(uint64(data), at(p, nonce), uint64(len(nonce)), at(p, aad), uint64(len(aad)), uint64(mac)))
}

// count gives n bytes that count up from first.
func count(first byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = first + byte(i)
	}
	return out
}

// NIST SP 800-38C appendix C, examples 3 and 4; RFC 3610 §8, packet vectors 1 and 2.
func TestCCMVectors(t *testing.T) {
	for _, c := range []struct {
		key, nonce, aad, plain []byte
		mac                    int
		want                   string
	}{
		{count(0x40, 16), count(0x10, 12), count(0, 20), count(0x20, 24), 8, "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951"},
		{count(0x40, 16), count(0x10, 13), count(0, 1<<16), count(0x20, 32), 14, "69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72b4ac6bec93e8598e7f0dadbcea5b"},
		{count(0xc0, 16), unhex("00000003020100a0a1a2a3a4a5"), count(0, 8), count(8, 23), 8, "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"},
		{count(0xc0, 16), unhex("00000004030201a0a1a2a3a4a5"), count(0, 8), count(8, 24), 8, "72c91a36e135f8cf291ca894085c87e3cc15c439c9e43a3ba091d56e10400916"},
	} {
		var p runtime.Pinner
		k, m := mechanism.NewSecret(c.key), ccmOf(&p, len(c.plain), c.nonce, c.aad, c.mac)
		if got, err := run(k, m, true, c.plain); err != nil || !bytes.Equal(got, unhex(c.want)) {
			t.Errorf("sealed %x, %v", got, err)
		}
		if got, err := run(k, m, false, unhex(c.want)); err != nil || !bytes.Equal(got, c.plain) {
			t.Errorf("opened %x, %v", got, err)
		}
		p.Unpin()
	}
}

// What was sealed opens, and a changed bit of anything does not.
func TestCCM(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p runtime.Pinner
		defer p.Unpin()
		k := mechanism.NewSecret(aesKey(t))
		nonce, aad := bytesOf(t, "nonce", rapid.IntRange(7, 13).Draw(t, "nonce length")), bytesOf(t, "aad", rapid.IntRange(0, 40).Draw(t, "aad length"))
		plain := bytesOf(t, "plain", rapid.IntRange(0, 70).Draw(t, "length"))
		m := ccmOf(&p, len(plain), nonce, aad, 2*rapid.IntRange(4, 8).Draw(t, "mac"))
		sealed := inParts(t, k, m, true, plain)
		if back := inParts(t, k, m, false, sealed); !bytes.Equal(back, plain) {
			t.Fatalf("opened %x, want %x", back, plain)
		}
		where := rapid.SampledFrom([][]byte{sealed, nonce, aad}).Filter(func(b []byte) bool { return len(b) > 0 }).Draw(t, "where")
		where[rapid.IntRange(0, len(where)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_, err := run(k, m, false, sealed)
		if err != pkcs11.Error(pkcs11.CKR_ENCRYPTED_DATA_INVALID) {
			t.Fatalf("a changed bit: %v", err)
		}
	})
}

func TestCCMRefusals(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	k, nonce := mechanism.NewSecret(make([]byte, 16)), make([]byte, 14)
	for name, m := range map[string]*pkcs11.Mechanism{
		"short nonce":                 ccmOf(&p, 16, nonce[:6], nil, 16),
		"long nonce":                  ccmOf(&p, 16, nonce, nil, 16),
		"short tag":                   ccmOf(&p, 16, nonce[:12], nil, 6),
		"odd tag":                     ccmOf(&p, 16, nonce[:12], nil, 9),
		"long tag":                    ccmOf(&p, 16, nonce[:12], nil, 18),
		"more than the length's room": ccmOf(&p, 1<<16, nonce[:13], nil, 16),
	} {
		_, err := run(k, m, true, make([]byte, 16))
		wants(t, name, err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	}
	_, err := run(k, ccmOf(&p, 17, nonce[:12], nil, 16), true, make([]byte, 16))
	wants(t, "less than was said", err, pkcs11.CKR_DATA_LEN_RANGE)
	for _, n := range []int{8, 16, 31, 33} {
		_, err = run(k, ccmOf(&p, 16, nonce[:12], nil, 16), false, make([]byte, n))
		wants(t, "another length than was said", err, pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE)
	}
}

// RFC 4493 §4, and NIST SP 800-38B's example for AES-256.
func TestCMACVectors(t *testing.T) {
	k128, k256 := mechanism.NewSecret(nistKey), mechanism.NewSecret(unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))
	for _, c := range []struct {
		key  *mechanism.Key
		n    int
		want string
	}{
		{k128, 0, "bb1d6929e95937287fa37d129b756746"},
		{k128, 16, "070a16b46b4d4144f79bdd9dd04a287c"},
		{k128, 40, "dfa66747de9ae63030ca32611497c827"},
		{k128, 64, "51f0bebf7e3b9d92fc49741779363cfe"},
		{k256, 0, "028962f61b7bf89efc6b551f4667d983"},
		{k256, 64, "e1992190549f6ed5696a2c056c315410"},
	} {
		message := string(nistPlain[:c.n])
		for cut := 0; cut <= c.n; cut += 8 {
			if got := mac(t, c.key, pkcs11.NewMechanism(pkcs11.CKM_AES_CMAC, nil), message[:cut], message[cut:]); got != c.want {
				t.Errorf("%d bytes, cut at %d: %s", c.n, cut, got)
			}
		}
		if got := mac(t, c.key, general(pkcs11.CKM_AES_CMAC_GENERAL, 8), message); got != c.want[:16] {
			t.Errorf("8 bytes of it: %s", got)
		}
	}
	for _, m := range []*pkcs11.Mechanism{general(pkcs11.CKM_AES_CMAC, 8), general(pkcs11.CKM_AES_CMAC_GENERAL, 3), general(pkcs11.CKM_AES_CMAC_GENERAL, 17)} {
		_, err := sign(k128, m)
		wants(t, "a length that is not there", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	}
}

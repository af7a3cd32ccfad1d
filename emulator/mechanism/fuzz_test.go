package mechanism_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
	"github.com/epsbench/epsbench/vectors"
)

// wraps are the mechanisms under which FuzzUnwrap reads a blob.
var wraps = []uint{pkcs11.CKM_AES_KEY_WRAP, pkcs11.CKM_AES_KEY_WRAP_PAD, mechanism.CKM_AES_KEY_WRAP_KWP}

// FuzzUnwrap feeds wrapped keys. What unwraps is what wrapping gives.
func FuzzUnwrap(f *testing.F) {
	for _, v := range vectors.RFC3394() {
		f.Add([]byte(v.KEK), []byte(v.Wrapped), uint8(0))
	}
	for _, v := range vectors.RFC5649() {
		f.Add([]byte(v.KEK), []byte(v.Wrapped), uint8(1))
		f.Add([]byte(v.KEK), []byte(v.Wrapped), uint8(2))
	}
	f.Fuzz(func(t *testing.T, kek, blob []byte, which uint8) {
		if len(kek) != 16 && len(kek) != 24 && len(kek) != 32 {
			return
		}
		typ := wraps[int(which)%len(wraps)]
		spec, m, k := mechanism.Lookup(typ), pkcs11.NewMechanism(typ, nil), mechanism.NewSecret(kek)
		key, err := spec.Unwrap(k, m, blob)
		if err != nil {
			return
		}
		if again, err := spec.Wrap(k, m, key, nil); err != nil || !bytes.Equal(again, blob) {
			t.Errorf("%x unwraps to %x, which wraps to %x, %v", blob, key, again, err)
		}
	})
}

// FuzzPrivateKey feeds wrapped private keys in their PKCS #8 form.
func FuzzPrivateKey(f *testing.F) {
	types := []uint{pkcs11.CKK_RSA, pkcs11.CKK_EC, mechanism.CKK_EC_EDWARDS, mechanism.CKK_EC_MONTGOMERY}
	for at := range everyCurve {
		der, err := mechanism.MarshalPrivate(newPair(f, at))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		at := slices.IndexFunc(types, func(keyType uint) bool { _, err := mechanism.ParsePrivate(keyType, der); return err == nil })
		if at < 0 {
			return
		}
		keyType := types[at]
		k, err := mechanism.ParsePrivate(keyType, der)
		if err != nil {
			t.Fatal(err)
		}
		again, err := mechanism.MarshalPrivate(k)
		if err != nil {
			t.Fatal(err)
		}
		back, err := mechanism.ParsePrivate(keyType, again)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := mechanism.MarshalPrivate(back); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("became another key: %v", err)
		}
	})
}

// FuzzPublicKey feeds the parts of a public key.
func FuzzPublicKey(f *testing.F) {
	f.Add(bytes.Repeat([]byte{0xc3}, 128), []byte{1, 0, 1})
	f.Fuzz(func(t *testing.T, n, e []byte) {
		k, err := mechanism.NewRSAPublic(mechanism.RSA{N: n, E: e})
		if err != nil {
			return
		}
		_, err = mechanism.Lookup(pkcs11.CKM_RSA_PKCS_OAEP).Wrap(k, oaep(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, ""), []byte("sixteen bytes..."), rand.Reader)
		if err != nil && err != pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED) {
			t.Errorf("a key that was accepted: %v", err)
		}
	})
}

// FuzzDecrypt feeds ciphertexts, whole and in two parts: both give the same.
func FuzzDecrypt(f *testing.F) {
	f.Add(make([]byte, 32), uint8(0), uint8(5))
	f.Add(make([]byte, 48), uint8(1), uint8(16))
	f.Add(make([]byte, 16), uint8(2), uint8(15))
	f.Add(make([]byte, 40), uint8(3), uint8(1))
	f.Add(make([]byte, 40), uint8(4), uint8(39))
	k, iv := mechanism.NewSecret(make([]byte, 16)), make([]byte, 16)
	modes := []*pkcs11.Mechanism{
		pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, nil), pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, iv), pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_PAD, iv),
		pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv[:12], nil, 128)), pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv, iv, 104)),
	}
	for _, m := range []*pkcs11.Mechanism{ctrOf(make([]byte, 16), 1), ctrOf(iv, 128),
		pkcs11.NewMechanism(pkcs11.CKM_DES3_CBC, iv[:8]), pkcs11.NewMechanism(pkcs11.CKM_DES3_CBC_PAD, iv[:8])} {
		f.Add(make([]byte, 40), uint8(len(modes)), uint8(9))
		modes = append(modes, m)
	}
	f.Fuzz(func(t *testing.T, in []byte, mode, cut uint8) {
		m := modes[int(mode)%len(modes)]
		whole, errWhole := run(k, m, false, in)
		c, err := lookup(m.Mechanism).Start(k, m, false, new(mechanism.Space))
		if err != nil {
			t.Fatal(err)
		}
		at := min(int(cut), len(in))
		var out []byte
		for _, part := range [][]byte{in[:at], in[at:]} {
			if out, err = c.Update(out, part); err != nil {
				break
			}
		}
		if err == nil {
			out, err = c.Final(out)
		}
		if (err == nil) != (errWhole == nil) || err == nil && !bytes.Equal(out, whole) {
			t.Errorf("whole %x, %v; in parts %x, %v", whole, errWhole, out, err)
		}
	})
}

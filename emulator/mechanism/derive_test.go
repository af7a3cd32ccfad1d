package mechanism_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// deriving derives n bytes; the parameter is one C structure.
func deriving(k *mechanism.Key, mech uint, parameter []byte, n int, other ...*mechanism.Key) ([]byte, error) {
	return lookup(mech).Derive(k, pkcs11.NewMechanism(mech, parameter), mechanism.Derivation{Length: n, Key: func(handle uint) (*mechanism.Key, error) {
		if handle != 7 || other == nil {
			return nil, pkcs11.Error(pkcs11.CKR_KEY_HANDLE_INVALID)
		}
		return other[0], nil
	}})
}

// Concatenations give all that they are made of, or nothing.
func TestConcatenation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p runtime.Pinner
		defer p.Unpin()
		base, data := bytesOf(t, "base", rapid.IntRange(1, 40).Draw(t, "base length")), bytesOf(t, "data", rapid.IntRange(1, 40).Draw(t, "data length"))
		k, str := mechanism.NewSecret(base), words(at(&p, data), uint64(len(data)))
		for _, c := range []struct {
			mech  uint
			param []byte
			want  []byte
		}{
			{pkcs11.CKM_CONCATENATE_BASE_AND_KEY, words(7), append(bytes.Clone(base), data...)},
			{pkcs11.CKM_CONCATENATE_BASE_AND_DATA, str, append(bytes.Clone(base), data...)},
			{pkcs11.CKM_CONCATENATE_DATA_AND_BASE, str, append(bytes.Clone(data), base...)},
		} {
			for _, n := range []int{0, len(c.want)} {
				if got, err := deriving(k, c.mech, c.param, n, mechanism.NewSecret(data)); err != nil || !bytes.Equal(got, c.want) {
					t.Fatalf("%#x: %x, %v", c.mech, got, err)
				}
			}
			for _, n := range []int{1, len(c.want) - 1, len(c.want) + 1} {
				if n == len(c.want) {
					continue
				}
				got, err := deriving(k, c.mech, c.param, n, mechanism.NewSecret(data))
				if !errors.Is(err, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)) || got != nil {
					t.Fatalf("%#x gave %d bytes of %d: %v", c.mech, n, len(c.want), err)
				}
			}
		}
		got, err := deriving(k, pkcs11.CKM_XOR_BASE_AND_DATA, str, 0)
		if err != nil || len(got) != min(len(base), len(data)) {
			t.Fatalf("%x, %v", got, err)
		}
		for i := range got {
			if got[i] != base[i]^data[i] {
				t.Fatalf("%x XOR %x is %x", base, data, got)
			}
		}
	})
}

// PKCS #11 v2.40 §2.44.6: two bytes from bit 21 of 0x329F84A9, over its end.
func TestExtract(t *testing.T) {
	k := mechanism.NewSecret(unhex("329f84a9"))
	for _, c := range []struct {
		first uint64
		n     int
		want  string
	}{{21, 2, "9526"}, {0, 4, "329f84a9"}, {8, 2, "9f84"}, {31, 1, "99"}} {
		got, err := deriving(k, pkcs11.CKM_EXTRACT_KEY_FROM_KEY, words(c.first), c.n)
		if err != nil || !bytes.Equal(got, unhex(c.want)) {
			t.Errorf("%d bytes from bit %d: %x, %v", c.n, c.first, got, err)
		}
	}
	_, err := deriving(k, pkcs11.CKM_EXTRACT_KEY_FROM_KEY, words(32), 1)
	wants(t, "a bit that is not there", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	_, err = deriving(k, pkcs11.CKM_EXTRACT_KEY_FROM_KEY, words(0), 5)
	wants(t, "more than there is", err, pkcs11.CKR_KEY_SIZE_RANGE)
}

// RFC 6070 and RFC 7914 §11; both forms of the structure.
func TestPBKDF2(t *testing.T) {
	for _, c := range []struct {
		prf, iterations uint64
		password        string
		want            string
	}{
		{pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA1, 1, "password", "0c60c80f961f0e71f3a9b524af6012062fe037a6"},
		{pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA1, 4096, "password", "4b007901b765489abead49d926f721d065a429c1"},
		{pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA256, 1, "passwd", "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"},
	} {
		var p runtime.Pinner
		salt, password, want := []byte("salt"), []byte(c.password), unhex(c.want)
		pointed := words(uint64(len(password)))
		for _, length := range []uint64{uint64(len(password)), at(&p, pointed)} {
			m := pkcs11.NewMechanism(pkcs11.CKM_PKCS5_PBKD2, words(pkcs11.CKZ_SALT_SPECIFIED, at(&p, salt), uint64(len(salt)), c.iterations, c.prf, 0, 0, at(&p, password), length))
			k, err := lookup(pkcs11.CKM_PKCS5_PBKD2).Generate(nil, pkcs11.CKK_GENERIC_SECRET, m, len(want))
			if err != nil || !bytes.Equal(k.Value(), want) {
				t.Errorf("%s: %x, %v", c.password, k.Value(), err)
			}
		}
		p.Unpin()
	}
	m := pkcs11.NewMechanism(pkcs11.CKM_PKCS5_PBKD2, words(pkcs11.CKZ_SALT_SPECIFIED, 0, 0, 1, pkcs11.CKP_PKCS5_PBKD2_HMAC_GOSTR3411, 0, 0, 0, 0))
	_, err := lookup(pkcs11.CKM_PKCS5_PBKD2).Generate(nil, pkcs11.CKK_GENERIC_SECRET, m, 16)
	wants(t, "a function that is not here", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
}

// hkdfOf is a CK_HKDF_PARAMS; a nil salt is none.
func hkdfOf(p *runtime.Pinner, halves, hash uint64, salt, info []byte) []byte {
	kind := uint64(1)
	if salt != nil {
		kind = 2
	}
	return words(halves, hash, kind, at(p, salt), uint64(len(salt)), 0, at(p, info), uint64(len(info)))
}

// RFC 5869 appendix A, cases 1 and 3; the halves alone; the salt as a key.
func TestHKDF(t *testing.T) {
	const extract, expand, both = 0x0001, 0x0100, 0x0101 // little-endian: the two first bytes
	var p runtime.Pinner
	defer p.Unpin()
	ikm, salt, info := bytes.Repeat([]byte{0x0b}, 22), count(0, 13), count(0xf0, 10)
	k, prk := mechanism.NewSecret(ikm), unhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
	okm := unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
	saltKey := words(both, pkcs11.CKM_SHA256, 4, 0, 0, 7, at(&p, info), uint64(len(info)))
	for name, c := range map[string]struct {
		key   *mechanism.Key
		param []byte
		want  []byte
	}{
		"both":          {k, hkdfOf(&p, both, pkcs11.CKM_SHA256, salt, info), okm},
		"no salt":       {k, hkdfOf(&p, both, pkcs11.CKM_SHA256, nil, nil), unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")},
		"extract":       {k, hkdfOf(&p, extract, pkcs11.CKM_SHA256, salt, info), prk},
		"expand":        {mechanism.NewSecret(prk), hkdfOf(&p, expand, pkcs11.CKM_SHA256, nil, info), okm},
		"salt is a key": {k, saltKey, okm},
	} {
		got, err := deriving(c.key, mechanism.CKM_HKDF_DERIVE, c.param, len(c.want), mechanism.NewSecret(salt))
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	if got, err := deriving(k, mechanism.CKM_HKDF_DERIVE, hkdfOf(&p, extract, pkcs11.CKM_SHA256, salt, info), 0); err != nil || !bytes.Equal(got, prk) {
		t.Errorf("extract as much as there is: %x, %v", got, err)
	}
	_, err := deriving(k, mechanism.CKM_HKDF_DERIVE, hkdfOf(&p, both, pkcs11.CKM_SHA256, salt, info), 0)
	wants(t, "expand to no length", err, pkcs11.CKR_TEMPLATE_INCOMPLETE)
	_, err = deriving(k, mechanism.CKM_HKDF_DERIVE, saltKey, 42)
	wants(t, "no such key", err, pkcs11.CKR_KEY_HANDLE_INVALID)
	_, err = deriving(k, mechanism.CKM_HKDF_DERIVE, hkdfOf(&p, both, pkcs11.CKM_SHA256_HMAC, salt, info), 42)
	wants(t, "no digest", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	_, err = deriving(k, mechanism.CKM_HKDF_DERIVE, hkdfOf(&p, expand, pkcs11.CKM_SHA_1, salt, info), 255*20+1)
	wants(t, "more than 255 blocks", err, pkcs11.CKR_KEY_SIZE_RANGE)
}

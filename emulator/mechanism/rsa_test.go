package mechanism_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

func pair(t *testing.T) *mechanism.Key {
	t.Helper()
	k, err := mechanism.NewPair(1024, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func oaep(hash, mgf uint, label string) *pkcs11.Mechanism {
	return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(hash, mgf, pkcs11.CKZ_DATA_SPECIFIED, []byte(label)))
}

// What Go encrypts the token decrypts, and the other way round, with the label.
func TestOAEP(t *testing.T) {
	k, secret := pair(t), []byte("sixteen bytes...")
	for _, label := range []string{"", "label"} {
		fromGo1, err1 := rsa.EncryptOAEP(sha1.New(), rand.Reader, k.Public(), secret, []byte(label))
		fromGo256, err256 := rsa.EncryptOAEP(sha256.New(), rand.Reader, k.Public(), secret, []byte(label))
		if err1 != nil || err256 != nil {
			t.Fatal(err1, err256)
		}
		for _, c := range []struct {
			m      *pkcs11.Mechanism
			fromGo []byte
		}{
			{oaep(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, label), fromGo1},
			{oaep(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, label), fromGo256},
		} {
			if got, err := run(k, c.m, false, c.fromGo); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("decrypted %q, %v", got, err)
			}
			blob, err := mechanism.Lookup(pkcs11.CKM_RSA_PKCS_OAEP).Wrap(mechanism.NewPublic(k.Public()), c.m, secret, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := mechanism.Lookup(pkcs11.CKM_RSA_PKCS_OAEP).Unwrap(k, c.m, blob); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("unwrapped %q, %v", got, err)
			}
		}
	}
}

// Every fault inside a block of the right length is one error (Manger 2001).
func TestOAEPFaultsLookAlike(t *testing.T) {
	k, m := pair(t), oaep(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, "")
	spec := mechanism.Lookup(pkcs11.CKM_RSA_PKCS_OAEP)
	n := k.Public().Size()
	otherLabel, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, k.Public(), []byte("x"), []byte("label"))
	if err != nil {
		t.Fatal(err)
	}
	aboveModulus := bytes.Repeat([]byte{0xff}, n)
	one := append(make([]byte, n-1), 1)
	for name, blob := range map[string][]byte{"other label": otherLabel, "above the modulus": aboveModulus, "zero": make([]byte, n), "one": one} {
		_, err := run(k, m, false, blob)
		wants(t, name, err, pkcs11.CKR_ENCRYPTED_DATA_INVALID)
		_, err = spec.Unwrap(k, m, blob)
		wants(t, name, err, pkcs11.CKR_WRAPPED_KEY_INVALID)
	}
	_, err = run(k, m, false, make([]byte, n-1))
	wants(t, "short block", err, pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE)
	_, err = spec.Unwrap(k, m, make([]byte, n+1))
	wants(t, "long block", err, pkcs11.CKR_WRAPPED_KEY_LEN_RANGE)
	_, err = spec.Wrap(k, m, make([]byte, n), rand.Reader)
	wants(t, "key that does not fit", err, pkcs11.CKR_KEY_SIZE_RANGE)
	_, err = run(k, oaep(pkcs11.CKM_SHA512_256, pkcs11.CKG_MGF1_SHA512, ""), false, make([]byte, n))
	wants(t, "hash that is not offered", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
}

func TestPairSizes(t *testing.T) {
	for bits, code := range map[int]uint{512: pkcs11.CKR_KEY_SIZE_RANGE, 1020: pkcs11.CKR_KEY_SIZE_RANGE, 1025: pkcs11.CKR_KEY_SIZE_RANGE, 4104: pkcs11.CKR_KEY_SIZE_RANGE} {
		_, err := mechanism.NewPair(bits, nil)
		wants(t, "key size", err, code)
	}
	for _, e := range [][]byte{{3}, {1, 0, 3}, bytes.Repeat([]byte{1}, 20)} {
		_, err := mechanism.NewPair(1024, e)
		wants(t, "exponent", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	k, err := mechanism.NewPair(1024, []byte{0, 1, 0, 1})
	if err != nil || k.Size() != 1024 {
		t.Errorf("with e = 65537: %v", err)
	}
}

// A private key survives its wrapped form; a key whose parts do not belong
// together is refused in every form.
func TestPrivateKeyForms(t *testing.T) {
	k := pair(t)
	der, err := mechanism.MarshalPrivate(k)
	if err != nil {
		t.Fatal(err)
	}
	back, err := mechanism.ParsePrivate(pkcs11.CKK_RSA, der)
	if err != nil || !back.Private().Equal(k.Private()) {
		t.Errorf("PKCS #8: %v", err)
	}
	_, err = mechanism.ParsePrivate(pkcs11.CKK_RSA, append(der, 0))
	wants(t, "a byte too many", err, pkcs11.CKR_WRAPPED_KEY_INVALID)
	_, err = mechanism.ParsePrivate(pkcs11.CKK_RSA, der[:40])
	wants(t, "half of it", err, pkcs11.CKR_WRAPPED_KEY_INVALID)

	p := k.Private()
	parts := mechanism.RSA{N: p.N.Bytes(), E: []byte{1, 0, 1}, D: p.D.Bytes(), P: p.Primes[0].Bytes(), Q: p.Primes[1].Bytes()}
	if again, err := mechanism.NewRSAPrivate(parts); err != nil || !again.Private().Equal(p) {
		t.Errorf("parts: %v", err)
	}
	wrong := parts
	wrong.D = new(big.Int).Add(p.D, big.NewInt(2)).Bytes()
	_, err = mechanism.NewRSAPrivate(wrong)
	wants(t, "another exponent", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	wrong = parts
	wrong.Q = parts.P
	_, err = mechanism.NewRSAPrivate(wrong)
	wants(t, "the same prime twice", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	for _, e := range [][]byte{nil, {2}, {1}, bytes.Repeat([]byte{9}, 9)} {
		_, err = mechanism.NewRSAPublic(mechanism.RSA{N: parts.N, E: e})
		wants(t, "exponent", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	_, err = mechanism.NewRSAPublic(mechanism.RSA{N: parts.N[:64], E: parts.E})
	wants(t, "modulus of 512 bits", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
}

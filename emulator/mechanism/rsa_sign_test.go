package mechanism_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

var rsaDigests = []struct {
	hash                   crypto.Hash
	digest, mgf, pkcs, pss uint
}{
	{crypto.SHA1, pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKM_SHA1_RSA_PKCS, pkcs11.CKM_SHA1_RSA_PKCS_PSS},
	{crypto.SHA224, pkcs11.CKM_SHA224, pkcs11.CKG_MGF1_SHA224, pkcs11.CKM_SHA224_RSA_PKCS, pkcs11.CKM_SHA224_RSA_PKCS_PSS},
	{crypto.SHA256, pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, pkcs11.CKM_SHA256_RSA_PKCS, pkcs11.CKM_SHA256_RSA_PKCS_PSS},
	{crypto.SHA384, pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384, pkcs11.CKM_SHA384_RSA_PKCS, pkcs11.CKM_SHA384_RSA_PKCS_PSS},
	{crypto.SHA512, pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512, pkcs11.CKM_SHA512_RSA_PKCS, pkcs11.CKM_SHA512_RSA_PKCS_PSS},
	{crypto.SHA3_224, pkcs11.CKM_SHA3_224, mechanism.CKG_MGF1_SHA3_224, pkcs11.CKM_SHA3_224_RSA_PKCS, pkcs11.CKM_SHA3_224_RSA_PKCS_PSS},
	{crypto.SHA3_256, pkcs11.CKM_SHA3_256, mechanism.CKG_MGF1_SHA3_256, pkcs11.CKM_SHA3_256_RSA_PKCS, pkcs11.CKM_SHA3_256_RSA_PKCS_PSS},
	{crypto.SHA3_384, pkcs11.CKM_SHA3_384, mechanism.CKG_MGF1_SHA3_384, pkcs11.CKM_SHA3_384_RSA_PKCS, pkcs11.CKM_SHA3_384_RSA_PKCS_PSS},
	{crypto.SHA3_512, pkcs11.CKM_SHA3_512, mechanism.CKG_MGF1_SHA3_512, pkcs11.CKM_SHA3_512_RSA_PKCS, pkcs11.CKM_SHA3_512_RSA_PKCS_PSS},
}

// What the token signs, Go verifies; with a digest of its own and without.
func TestRSASignatures(t *testing.T) {
	k, err := mechanism.NewPair(2048, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rsaDigests {
		h := c.hash.New()
		h.Write([]byte("message"))
		digest := h.Sum(nil)
		param := pkcs11.NewPSSParams(c.digest, c.mgf, 20)
		signatureOf := func(m *pkcs11.Mechanism, message ...string) []byte {
			return unhex(mac(t, k, m, message...))
		}
		if err := rsa.VerifyPKCS1v15(k.Public(), c.hash, digest, signatureOf(pkcs11.NewMechanism(c.pkcs, nil), "mess", "age")); err != nil {
			t.Errorf("%v, PKCS #1 v1.5: %v", c.hash, err)
		}
		opts := &rsa.PSSOptions{SaltLength: 20}
		if err := rsa.VerifyPSS(k.Public(), c.hash, digest, signatureOf(pkcs11.NewMechanism(c.pss, param), "mess", "age"), opts); err != nil {
			t.Errorf("%v, PSS: %v", c.hash, err)
		}
		bare := pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, param)
		signature, err := sign(k, bare, string(digest))
		if err != nil || rsa.VerifyPSS(k.Public(), c.hash, digest, signature, opts) != nil || verify(k, bare, signature, string(digest)) != nil {
			t.Errorf("%v, PSS of a digest: %v", c.hash, err)
		}
		wants(t, "no digest", verify(k, bare, signature, "message"), pkcs11.CKR_DATA_LEN_RANGE)
	}
}

func TestRSASignaturesOfData(t *testing.T) {
	k, m := pair(t), pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)
	for _, n := range []int{0, 20, 128 - 11} {
		data := string(make([]byte, n))
		signature := unhex(mac(t, k, m, data))
		if err := rsa.VerifyPKCS1v15(k.Public(), 0, []byte(data), signature); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, n := range []int{128 - 10, 1 << 12} {
		_, err := sign(k, m, string(make([]byte, n)))
		wants(t, "more than fits", err, pkcs11.CKR_DATA_LEN_RANGE)
	}
	_, err := sign(k, pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, []byte{0}), "data")
	wants(t, "a parameter", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
}

func TestPSSRefusals(t *testing.T) {
	k := pair(t)
	for name, c := range map[string]struct{ mech, hash, mgf, salt, code uint }{
		"another digest":  {pkcs11.CKM_SHA256_RSA_PKCS_PSS, pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512, 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"another mask":    {pkcs11.CKM_SHA256_RSA_PKCS_PSS, pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA1, 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"no salt":         {pkcs11.CKM_SHA256_RSA_PKCS_PSS, pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 0, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"salt beyond any": {pkcs11.CKM_SHA256_RSA_PKCS_PSS, pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 1 << 40, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"no such digest":  {pkcs11.CKM_RSA_PKCS_PSS, pkcs11.CKM_SHA512_256, pkcs11.CKG_MGF1_SHA256, 32, pkcs11.CKR_MECHANISM_PARAM_INVALID},
		"salt too long":   {pkcs11.CKM_SHA256_RSA_PKCS_PSS, pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 100, pkcs11.CKR_KEY_SIZE_RANGE},
	} {
		_, err := sign(k, pkcs11.NewMechanism(c.mech, pkcs11.NewPSSParams(c.hash, c.mgf, c.salt)), "message")
		wants(t, name, err, c.code)
	}
}

// PKCS #1 v1.5 encrypts where it was asked for, and the faults of a block look alike.
func TestLegacyRSA(t *testing.T) {
	k, m := pair(t), pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil)
	spec := mechanism.Legacy.Lookup(pkcs11.CKM_RSA_PKCS)
	blob, err := spec.Wrap(k, m, []byte("sixteen bytes..."), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 the check of a legacy row
	if got, err := rsa.DecryptPKCS1v15(nil, k.Private(), blob); err != nil || string(got) != "sixteen bytes..." {
		t.Errorf("Go reads %q, %v", got, err)
	}
	if got, err := spec.Unwrap(k, m, blob); err != nil || string(got) != "sixteen bytes..." {
		t.Errorf("unwrapped %q, %v", got, err)
	}
	for _, bad := range [][]byte{make([]byte, 128), bytes.Repeat([]byte{0xff}, 128), append(make([]byte, 127), 1)} {
		_, err = spec.Unwrap(k, m, bad)
		wants(t, "a block that nobody made", err, pkcs11.CKR_WRAPPED_KEY_INVALID)
	}
	_, err = spec.Unwrap(k, m, blob[1:])
	wants(t, "a short block", err, pkcs11.CKR_WRAPPED_KEY_LEN_RANGE)
	_, err = spec.Wrap(k, m, make([]byte, 128-10), rand.Reader)
	wants(t, "a key that does not fit", err, pkcs11.CKR_KEY_SIZE_RANGE)
}

// OAEP with the longer digests, against Go.
func TestOAEPWithLongDigests(t *testing.T) {
	k, err := mechanism.NewPair(2048, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rsaDigests {
		blob, err := rsa.EncryptOAEP(c.hash.New(), rand.Reader, k.Public(), []byte("secret"), []byte("label"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := run(k, oaep(c.digest, c.mgf, "label"), false, blob); err != nil || string(got) != "secret" {
			t.Errorf("%v: %q, %v", c.hash, got, err)
		}
	}
}

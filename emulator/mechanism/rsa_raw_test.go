package mechanism_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// recovering makes one call of a signature with recovery, or of its verification.
func recovering(k *mechanism.Key, mech uint, sign bool, in []byte) ([]byte, error) {
	m := pkcs11.NewMechanism(mech, nil)
	run, err := mechanism.Lookup(mech).StartRecovery(k, m, sign)
	if err != nil {
		return nil, err
	}
	return run(in)
}

// Raw RSA is a power of the number that the bytes are, and comes back.
func TestRawRSA(t *testing.T) {
	k, m := pair(t), pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, nil)
	public := mechanism.NewPublic(k.Public())
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 127).Draw(t, "data")
		signature, err := sign(k, m, string(data))
		if err != nil || len(signature) != 128 {
			t.Fatalf("%d bytes, %v", len(signature), err)
		}
		want := new(big.Int).Exp(new(big.Int).SetBytes(data), k.Private().D, k.Public().N)
		if new(big.Int).SetBytes(signature).Cmp(want) != 0 {
			t.Errorf("another power of %x", data)
		}
		if err := verify(public, m, signature, string(data)); err != nil {
			t.Error(err)
		}
		back, err := recovering(public, pkcs11.CKM_RSA_X_509, false, signature)
		if err != nil || !bytes.Equal(back[128-len(data):], data) {
			t.Errorf("%x recovers as %x, %v", data, back, err)
		}
	})
}

// A padded block is the same whether Go or the caller pads it.
func TestRawRSAOfAPaddedBlock(t *testing.T) {
	k := pair(t)
	block := append(append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 128-3-4)...), "\x00data"...)
	signature, err := sign(k, pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, nil), string(block))
	if err != nil || rsa.VerifyPKCS1v15(k.Public(), 0, []byte("data"), signature) != nil {
		t.Errorf("Go does not verify it: %v", err)
	}
}

func TestRawRSARefusals(t *testing.T) {
	k, m := pair(t), pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, nil)
	n := string(k.Public().N.Bytes())
	signature, err := sign(k, m, "data")
	if err != nil {
		t.Fatal(err)
	}
	_, err = sign(k, m, n)
	wants(t, "the modulus", err, pkcs11.CKR_DATA_INVALID)
	_, err = sign(k, m, "\x00"+n)
	wants(t, "more bytes than the modulus has", err, pkcs11.CKR_DATA_LEN_RANGE)
	_, err = sign(k, pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, []byte{0}), "data")
	wants(t, "a parameter", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	wants(t, "another message", verify(k, m, signature, "another"), pkcs11.CKR_SIGNATURE_INVALID)
	wants(t, "a modulus for a signature", verify(k, m, []byte(n), "data"), pkcs11.CKR_SIGNATURE_INVALID)
	wants(t, "a short signature", verify(k, m, signature[1:], "data"), pkcs11.CKR_SIGNATURE_LEN_RANGE)
	_, err = mechanism.Lookup(pkcs11.CKM_RSA_X_509).StartRecovery(k, pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, []byte{0}), true)
	wants(t, "a parameter of recovery", err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
}

// A signature with recovery is that of C_Sign, and only a whole padding gives its data.
func TestRecovery(t *testing.T) {
	k := pair(t)
	for _, data := range []string{"", "data", string(make([]byte, 128-11))} {
		signature, err := recovering(k, pkcs11.CKM_RSA_PKCS, true, []byte(data))
		if err != nil || rsa.VerifyPKCS1v15(k.Public(), 0, []byte(data), signature) != nil {
			t.Fatalf("%d bytes: %v", len(data), err)
		}
		if got, err := recovering(k, pkcs11.CKM_RSA_PKCS, false, signature); err != nil || string(got) != data {
			t.Errorf("%d bytes: %q, %v", len(data), got, err)
		}
	}
	_, err := recovering(k, pkcs11.CKM_RSA_PKCS, true, make([]byte, 128-10))
	wants(t, "more than fits", err, pkcs11.CKR_DATA_LEN_RANGE)
	for name, block := range map[string][]byte{
		"seven bytes of padding": append([]byte("\x00\x01\xff\xff\xff\xff\xff\xff\xff\x00"), make([]byte, 118)...),
		"padding to encrypt":     append(append([]byte("\x00\x02"), bytes.Repeat([]byte{0xff}, 121)...), "\x00data"...),
		"padding with a hole":    append(append([]byte("\x00\x01\xff\xfe"), bytes.Repeat([]byte{0xff}, 119)...), "\x00data"...),
		"no end":                 append([]byte("\x00\x01"), bytes.Repeat([]byte{0xff}, 126)...),
		"zeros":                  make([]byte, 128),
	} {
		signature, err := recovering(k, pkcs11.CKM_RSA_X_509, true, block)
		if err != nil {
			t.Fatal(err)
		}
		_, err = recovering(k, pkcs11.CKM_RSA_PKCS, false, signature)
		wants(t, name, err, pkcs11.CKR_SIGNATURE_INVALID)
	}
	_, err = recovering(k, pkcs11.CKM_RSA_PKCS, false, make([]byte, 127))
	wants(t, "a short signature", err, pkcs11.CKR_SIGNATURE_LEN_RANGE)
}

// Where raw RSA encrypts, a key has zeros before it, and only those are cut.
func TestLegacyRawRSA(t *testing.T) {
	k, m, spec := pair(t), pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, nil), mechanism.Legacy.Lookup(pkcs11.CKM_RSA_X_509)
	blob, err := spec.Wrap(k, m, []byte("sixteen bytes..."), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	value, err := spec.Unwrap(k, m, blob)
	if err != nil || len(value) != 128 {
		t.Fatalf("%d bytes, %v", len(value), err)
	}
	if got, err := spec.Trim(value, 16); err != nil || string(got) != "sixteen bytes..." {
		t.Errorf("%q, %v", got, err)
	}
	_, err = spec.Trim(value, 15)
	wants(t, "a part of the key", err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
	_, err = spec.Unwrap(k, m, blob[1:])
	wants(t, "a short blob", err, pkcs11.CKR_WRAPPED_KEY_LEN_RANGE)
	_, err = spec.Unwrap(k, m, bytes.Repeat([]byte{0xff}, 128))
	wants(t, "a number beyond the modulus", err, pkcs11.CKR_WRAPPED_KEY_INVALID)
	_, err = spec.Wrap(k, m, make([]byte, 129), rand.Reader)
	wants(t, "a key too long", err, pkcs11.CKR_KEY_SIZE_RANGE)
}

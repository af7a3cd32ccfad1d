package hsm

import (
	"strconv"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// pair makes an RSA pair for encryption and signature.
func (b *bench) pair(bits int, more ...*pkcs11.Attribute) (public, private pkcs11.ObjectHandle, err error) {
	return b.GenerateKeyPair(b.sh, mech(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil),
		template(attr(pkcs11.CKA_MODULUS_BITS, bits), attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), attr(pkcs11.CKA_ENCRYPT, true), attr(pkcs11.CKA_VERIFY, true)),
		template(append([]*pkcs11.Attribute{attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_DECRYPT, true), attr(pkcs11.CKA_SIGN, true)}, more...)...))
}

// rsaStart begins to encrypt or sign: "encrypt CKM_RSA_PKCS".
func rsaStart(b *bench, args []string) string {
	public, private, err := b.pair(2048)
	if err != nil {
		return failed("a pair", err)
	}
	m := mech(named(cryptoki.MechanismNamed, args[1]), nil)
	if args[0] == "sign" {
		if err = b.SignInit(b.sh, m, private); err == nil {
			b.Sign(b.sh, make([]byte, 32))
		}
		return code(err)
	}
	if err = b.EncryptInit(b.sh, m, public); err == nil {
		b.Encrypt(b.sh, make([]byte, 16))
	}
	return code(err)
}

// oaepStart encrypts with OAEP: "sha1", "sha256", "label", or a number of bits.
func oaepStart(b *bench, args []string) string {
	bits, hash, mgf, label := 2048, uint(pkcs11.CKM_SHA_1), uint(pkcs11.CKG_MGF1_SHA1), []byte(nil)
	switch args[0] {
	case "sha1":
	case "sha256":
		hash, mgf = pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256
	case "label":
		label = []byte("label")
	default:
		bits, _ = strconv.Atoi(args[0])
	}
	public, _, err := b.pair(bits)
	if err != nil {
		return failed("a pair", err)
	}
	err = b.EncryptInit(b.sh, mech(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(hash, mgf, pkcs11.CKZ_DATA_SPECIFIED, label)), public)
	if err == nil {
		_, err = b.Encrypt(b.sh, make([]byte, 16))
	}
	return code(err)
}

// oaepDecryptLabel decrypts with a label what was encrypted without.
func oaepDecryptLabel(b *bench, _ []string) string {
	public, private, err := b.pair(2048)
	if err != nil {
		return failed("a pair", err)
	}
	oaep := func(label []byte) []*pkcs11.Mechanism {
		return mech(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, label))
	}
	if err := b.EncryptInit(b.sh, oaep(nil), public); err != nil {
		return failed("C_EncryptInit", err)
	}
	sealed, err := b.Encrypt(b.sh, make([]byte, 16))
	if err != nil {
		return failed("C_Encrypt", err)
	}
	if err := b.DecryptInit(b.sh, oaep([]byte("label")), private); err != nil {
		return code(err)
	}
	_, err = b.Decrypt(b.sh, sealed)
	return code(err)
}

// prime256v1 is the name of P-256, an object identifier in DER (RFC 5480 §2.1.1.1).
var prime256v1 = []byte{0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07}

// ecdsaZero signs a digest of zeros, and "verify"s the signature.
func ecdsaZero(b *bench, args []string) string {
	public, private, err := b.GenerateKeyPair(b.sh, mech(pkcs11.CKM_EC_KEY_PAIR_GEN, nil),
		template(attr(pkcs11.CKA_EC_PARAMS, prime256v1), attr(pkcs11.CKA_VERIFY, true)),
		template(attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_SIGN, true)))
	if err != nil {
		return failed("a pair", err)
	}
	if err := b.SignInit(b.sh, mech(pkcs11.CKM_ECDSA, nil), private); err != nil {
		return failed("C_SignInit", err)
	}
	digest := make([]byte, 32)
	signature, err := b.Sign(b.sh, digest)
	if err != nil || args[0] == "sign" {
		return code(err)
	}
	if err := b.VerifyInit(b.sh, mech(pkcs11.CKM_ECDSA, nil), public); err != nil {
		return failed("C_VerifyInit", err)
	}
	return code(b.Verify(b.sh, digest, signature))
}

package hsm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// wrapParameter is what a mechanism wants to wrap with.
func wrapParameter(m uint) any {
	switch m {
	case pkcs11.CKM_AES_CBC, pkcs11.CKM_AES_CBC_PAD:
		return make([]byte, 16)
	case pkcs11.CKM_DES3_CBC, pkcs11.CKM_DES3_CBC_PAD:
		return make([]byte, 8)
	case pkcs11.CKM_AES_GCM:
		return pkcs11.NewGCMParams(make([]byte, 12), nil, 128)
	}
	return nil
}

// wrap wraps a key of a kind, aes or rsa, by a mechanism of AES or DES3.
func wrap(b *bench, args []string) string {
	m := named(cryptoki.MechanismNamed, args[0])
	kek, err := b.aes(pkcs11.CKA_WRAP)
	if m == pkcs11.CKM_DES3_CBC_PAD || m == pkcs11.CKM_DES3_CBC {
		kek, err = b.GenerateKey(b.sh, mech(pkcs11.CKM_DES3_KEY_GEN, nil), template(attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_WRAP, true)))
	}
	if err != nil {
		return failed("a wrapping key", err)
	}
	key, err := b.extractable()
	if args[1] == "rsa" {
		_, key, err = b.pair(2048, attr(pkcs11.CKA_EXTRACTABLE, true))
	}
	if err != nil {
		return failed("a key to wrap", err)
	}
	_, err = b.WrapKey(b.sh, mech(m, wrapParameter(m)), kek, key)
	return code(err)
}

// unwrapLength unwraps with or without CKA_VALUE_LEN.
func unwrapLength(b *bench, args []string) string {
	kek, blob, failure := b.blob()
	if failure != "" {
		return failure
	}
	t := template(attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES), attr(pkcs11.CKA_SENSITIVE, true))
	if args[0] == "with" {
		t = append(t, attr(pkcs11.CKA_VALUE_LEN, 32))
	}
	_, err := b.UnwrapKey(b.sh, mech(pkcs11.CKM_AES_KEY_WRAP, nil), kek, blob, t)
	return code(err)
}

func unwrappedLength(b *bench, _ []string) string {
	kek, blob, failure := b.blob()
	if failure != "" {
		return failure
	}
	key, err := b.take(kek, blob)
	if err != nil {
		return failed("C_UnwrapKey", err)
	}
	got, err := b.read(key, pkcs11.CKA_VALUE_LEN)
	if err != nil || len(got) != 8 {
		return code(err)
	}
	return fmt.Sprint(binary.NativeEndian.Uint64(got))
}

// unwrapTampered flips a bit of a blob that unwraps without that.
func unwrapTampered(b *bench, _ []string) string {
	kek, blob, failure := b.blob()
	if failure != "" {
		return failure
	}
	if _, err := b.take(kek, blob); err != nil {
		return failed("the blob as it was", err)
	}
	blob[len(blob)-1] ^= 1
	_, err := b.take(kek, blob)
	return code(err)
}

// unwrapTwice makes two keys of one blob, each with a usage of its own.
func unwrapTwice(b *bench, args []string) string {
	kek, blob, failure := b.blob()
	if failure != "" {
		return failure
	}
	as := func(usage string) error {
		_, err := b.take(kek, blob, attr(pkcs11.CKA_SENSITIVE, true), attr(named(cryptoki.AttributeNamed, usage), true))
		return err
	}
	if err := as(args[0]); err != nil {
		return failed("a key with "+args[0], err)
	}
	return code(as(args[1]))
}

// decryptTampered flips a bit of a text that opens without that.
func decryptTampered(b *bench, _ []string) string {
	key, err := b.aes(pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT)
	if err != nil {
		return failed("a key", err)
	}
	iv := []byte("twelve bytes")
	sealed, err := b.seal(key, iv)
	if code(err) == "CKR_MECHANISM_PARAM_INVALID" { // it draws its own, and puts it behind
		if sealed, err = b.seal(key, nil); err == nil && len(sealed) > 32 {
			sealed, iv = sealed[:32], sealed[32:]
		}
	}
	if err != nil || len(sealed) != 32 {
		return failed("a text to open", err)
	}
	if err := b.openSealed(key, iv, sealed); err != nil {
		return failed("the text as it was", err)
	}
	sealed[0] ^= 1
	return code(b.openSealed(key, iv, sealed))
}

func (b *bench) openSealed(key pkcs11.ObjectHandle, iv, sealed []byte) error {
	if err := b.DecryptInit(b.sh, mech(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv, nil, 128)), key); err != nil {
		return err
	}
	_, err := b.Decrypt(b.sh, sealed)
	return err
}

// hmacKey begins an HMAC under a key of so many bytes.
func hmacKey(b *bench, args []string) string {
	n, _ := strconv.Atoi(args[1])
	key, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil), template(attr(pkcs11.CKA_VALUE_LEN, n), attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_SIGN, true)))
	if err != nil {
		return failed("a key", err)
	}
	err = b.SignInit(b.sh, mech(named(cryptoki.MechanismNamed, args[0]), nil), key)
	if err == nil {
		b.Sign(b.sh, []byte("x"))
	}
	return code(err)
}

// gcmIV encrypts with no IV or one of twelve bytes, and says what became of it.
func gcmIV(b *bench, args []string) string {
	key, err := b.aes(pkcs11.CKA_ENCRYPT)
	if err != nil {
		return failed("a key", err)
	}
	var iv []byte
	if args[0] == "given" {
		iv = []byte("twelve bytes")
	}
	first, err := b.seal(key, iv)
	if err != nil {
		return code(err)
	}
	again, err := b.seal(key, iv)
	extra := len(first) - 16 - 16
	switch {
	case err != nil:
		return failed("a second time", err)
	case iv == nil && bytes.Equal(first, again):
		return "the same twice"
	case extra > 0:
		return fmt.Sprintf("an IV of %d bytes of its own behind the tag", extra)
	}
	return code(nil)
}

func (b *bench) seal(key pkcs11.ObjectHandle, iv []byte) ([]byte, error) {
	if err := b.EncryptInit(b.sh, mech(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv, nil, 128)), key); err != nil {
		return nil, err
	}
	return b.Encrypt(b.sh, make([]byte, 16))
}

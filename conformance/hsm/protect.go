package hsm

import (
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// kept makes an AES key that may be wrapped or read, as far as its attributes let it.
func (b *bench) kept(sensitive, extractable bool, more ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return b.GenerateKey(b.sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), template(append([]*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 32),
		attr(pkcs11.CKA_SENSITIVE, sensitive), attr(pkcs11.CKA_EXTRACTABLE, extractable), attr(pkcs11.CKA_SIGN, true)}, more...)...))
}

// value reads a key: "read", or why not.
func (b *bench) value(key pkcs11.ObjectHandle) string {
	got, err := b.GetAttributeValue(b.sh, key, []*pkcs11.Attribute{{Type: pkcs11.CKA_VALUE}})
	if err != nil {
		return code(err)
	}
	defer clear(got[0].Value)
	if len(got[0].Value) == 0 {
		return "CKR_OK, and no value"
	}
	return "read"
}

func readSensitive(b *bench, _ []string) string {
	key, err := b.kept(true, true)
	if err != nil {
		return failed("a key", err)
	}
	return b.value(key)
}

func readUnextractable(b *bench, _ []string) string {
	key, err := b.kept(false, false)
	if err != nil {
		key, err = b.kept(true, false) // some HSMs know no key that is not sensitive
	}
	if err != nil {
		return failed("a key", err)
	}
	return b.value(key)
}

func wrapUnextractable(b *bench, _ []string) string {
	key, err := b.kept(true, false)
	if err != nil {
		return failed("a key", err)
	}
	return b.wrapAny(key)
}

// wrapAny wraps a key by whatever the module wraps AES keys with.
func (b *bench) wrapAny(key pkcs11.ObjectHandle) string {
	kek, err := b.aes(pkcs11.CKA_WRAP)
	if err != nil {
		return failed("a wrapping key", err)
	}
	for _, m := range []uint{pkcs11.CKM_AES_KEY_WRAP, pkcs11.CKM_AES_KEY_WRAP_PAD, pkcs11.CKM_AES_CBC_PAD, pkcs11.CKM_AES_CBC} {
		if _, err = b.WrapKey(b.sh, mech(m, wrapParameter(m)), kek, key); code(err) != "CKR_MECHANISM_INVALID" {
			break
		}
	}
	if err == nil {
		return "wrapped"
	}
	return code(err)
}

// weaker is an attribute as a protected key must not get it.
func weaker(name string) *pkcs11.Attribute {
	return attr(named(cryptoki.AttributeNamed, name), name == "CKA_EXTRACTABLE")
}

func weaken(b *bench, args []string) string {
	key, err := b.kept(true, false)
	if err != nil {
		return failed("a key", err)
	}
	if err := b.SetAttributeValue(b.sh, key, []*pkcs11.Attribute{weaker(args[0])}); err != nil {
		return code(err)
	}
	return "changed: " + b.flags(key, named(cryptoki.AttributeNamed, args[0]))
}

func weakenCopy(b *bench, args []string) string {
	key, err := b.kept(true, false)
	if err != nil {
		return failed("a key", err)
	}
	made, err := b.CopyObject(b.sh, key, []*pkcs11.Attribute{weaker(args[0])})
	if err != nil {
		return code(err)
	}
	return "copied: " + b.flags(made, named(cryptoki.AttributeNamed, args[0]))
}

// fixed changes a key that is not modifiable, or copies one that is not copyable.
func fixed(b *bench, args []string) string {
	key, err := b.kept(true, false, attr(pkcs11.CKA_MODIFIABLE, false), attr(pkcs11.CKA_COPYABLE, false))
	if err != nil {
		return failed("a key", err)
	}
	if args[0] == "copy" {
		if _, err = b.CopyObject(b.sh, key, nil); err == nil {
			return "copied"
		}
		return code(err)
	}
	if err = b.SetAttributeValue(b.sh, key, []*pkcs11.Attribute{attr(pkcs11.CKA_DECRYPT, true)}); err == nil {
		return "changed"
	}
	return code(err)
}

// unwrapTemplate unwraps a readable key under a key that allows none.
func unwrapTemplate(b *bench, _ []string) string {
	rules, done := nested(attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, false))
	defer done()
	kek, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), template(attr(pkcs11.CKA_VALUE_LEN, 32), attr(pkcs11.CKA_SENSITIVE, true),
		attr(pkcs11.CKA_WRAP, true), attr(pkcs11.CKA_UNWRAP, true), attr(pkcs11.CKA_DECRYPT, false), attr(pkcs11.CKA_ENCRYPT, false), attr(pkcs11.CKA_UNWRAP_TEMPLATE, rules)))
	if err != nil {
		return failed("a wrapping key", err)
	}
	key, err := b.extractable()
	if err != nil {
		return failed("a key to wrap", err)
	}
	blob, err := b.WrapKey(b.sh, mech(pkcs11.CKM_AES_KEY_WRAP, nil), kek, key)
	if err != nil {
		return failed("C_WrapKey", err)
	}
	made, err := b.take(kek, blob, attr(pkcs11.CKA_TOKEN, false), attr(pkcs11.CKA_SENSITIVE, false), attr(pkcs11.CKA_EXTRACTABLE, true))
	if err != nil {
		return code(err)
	}
	return "unwrapped: " + b.flags(made, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE)
}

func untrustedWrap(b *bench, _ []string) string {
	key, err := b.kept(true, true, attr(pkcs11.CKA_WRAP_WITH_TRUSTED, true))
	if err != nil {
		return failed("a key", err)
	}
	return b.wrapAny(key)
}

// checkValue asks for no CKA_CHECK_VALUE, and reads what there is.
func checkValue(b *bench, _ []string) string {
	key, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil), template(attr(pkcs11.CKA_VALUE_LEN, 32),
		attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_SIGN, true), attr(pkcs11.CKA_CHECK_VALUE, []byte{})))
	if err != nil {
		return failed("a key", err)
	}
	got, err := b.GetAttributeValue(b.sh, key, []*pkcs11.Attribute{{Type: pkcs11.CKA_CHECK_VALUE}})
	if err != nil || len(got[0].Value) == 0 {
		return "empty"
	}
	return fmt.Sprintf("%d bytes", len(got[0].Value))
}

// afterLogout signs with a private key that was found before its user left.
func afterLogout(b *bench, _ []string) string {
	key, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil), template(attr(pkcs11.CKA_VALUE_LEN, 32), attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_SIGN, true)))
	if err != nil {
		return failed("a key", err)
	}
	if err := b.Logout(b.sh); err != nil {
		return failed("C_Logout", err)
	}
	defer b.Login(b.sh, pkcs11.CKU_USER, b.slot.PIN)
	if err := b.SignInit(b.sh, mech(pkcs11.CKM_SHA256_HMAC, nil), key); err != nil {
		return code(err)
	}
	if _, err := b.Sign(b.sh, []byte("x")); err != nil {
		return code(err)
	}
	return "signed"
}

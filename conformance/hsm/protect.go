package hsm

import (
	"fmt"
	"runtime"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// kept makes an AES key that may be wrapped or read, as far as its attributes let it.
func (b *bench) kept(sensitive, extractable bool, more ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return b.GenerateKey(b.sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), template(append([]*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 32),
		attr(pkcs11.CKA_SENSITIVE, sensitive), attr(pkcs11.CKA_EXTRACTABLE, extractable), attr(pkcs11.CKA_SIGN, true)}, more...)...))
}

// value tries to read a key whose other attributes can be read: "read", or why not.
func (b *bench) value(key pkcs11.ObjectHandle) string {
	if _, err := b.read(key, pkcs11.CKA_KEY_TYPE); err != nil {
		return failed("its type", err)
	}
	got, err := b.read(key, pkcs11.CKA_VALUE)
	if err != nil {
		return code(err)
	}
	defer clear(got)
	if len(got) == 0 {
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

// readPrivate reads the secret parts of an RSA private key.
func readPrivate(b *bench, _ []string) string {
	_, key, err := b.pair(2048, attr(pkcs11.CKA_EXTRACTABLE, true))
	if err != nil {
		_, key, err = b.pair(2048) // some let none be extractable
	}
	if err != nil {
		return failed("a pair", err)
	}
	if _, err := b.read(key, pkcs11.CKA_KEY_TYPE); err != nil {
		return failed("its type", err)
	}
	last := error(nil)
	for _, typ := range []uint{pkcs11.CKA_PRIVATE_EXPONENT, pkcs11.CKA_PRIME_1, pkcs11.CKA_PRIME_2, pkcs11.CKA_EXPONENT_1, pkcs11.CKA_EXPONENT_2, pkcs11.CKA_COEFFICIENT} {
		got, err := b.read(key, typ)
		if err == nil && len(got) > 0 {
			clear(got)
			return "read: " + cryptoki.AttributeName(typ)
		}
		last = err
	}
	return code(last)
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
	return b.wrapped(key)
}

// wrapped tries to wrap a key by whatever the module wraps other keys with.
func (b *bench) wrapped(key pkcs11.ObjectHandle) string {
	kek, err := b.aes(pkcs11.CKA_WRAP)
	if err != nil {
		return failed("a wrapping key", err)
	}
	other, err := b.extractable()
	if err != nil {
		return failed("a key to wrap", err)
	}
	answer := ""
	for _, m := range []uint{pkcs11.CKM_AES_KEY_WRAP, pkcs11.CKM_AES_KEY_WRAP_PAD, keyWrapKWP, pkcs11.CKM_AES_CBC_PAD, pkcs11.CKM_AES_CBC, pkcs11.CKM_AES_ECB} {
		if _, err := b.WrapKey(b.sh, mech(m, wrapParameter(m)), kek, other); err != nil {
			continue // not by this one
		}
		if _, err := b.WrapKey(b.sh, mech(m, wrapParameter(m)), kek, key); err == nil {
			return "wrapped by " + cryptoki.MechanismName(m)
		} else if answer == "" {
			answer = code(err)
		}
	}
	if answer == "" {
		return failed("a mechanism that wraps", pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID))
	}
	return answer
}

// keyWrapKWP is CKM_AES_KEY_WRAP_KWP of v3.0.
const keyWrapKWP = 0x210B

// relabelled is the template of a copy: some modules take none that is empty.
func relabelled() []*pkcs11.Attribute {
	return []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "a copy")}
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
	if err := b.SetAttributeValue(b.sh, key, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "changed")}); err != nil {
		return failed("another label", err)
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
	if _, err := b.CopyObject(b.sh, key, relabelled()); err != nil {
		return failed("a copy as it is", err)
	}
	made, err := b.CopyObject(b.sh, key, append(relabelled(), weaker(args[0])))
	if err != nil {
		return code(err)
	}
	return "copied: " + b.flags(made, named(cryptoki.AttributeNamed, args[0]))
}

// fixed changes a key that is not modifiable, or copies one that is not copyable. Both can be
// done to a key that is.
func fixed(b *bench, args []string) string {
	free, err := b.kept(true, false)
	if err != nil {
		return failed("a key that is not fixed", err)
	}
	key, err := b.kept(true, false, attr(pkcs11.CKA_MODIFIABLE, false), attr(pkcs11.CKA_COPYABLE, false))
	if err != nil {
		return failed("a key", err)
	}
	do, did := func(o pkcs11.ObjectHandle) error {
		return b.SetAttributeValue(b.sh, o, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "changed")})
	}, "changed"
	if args[0] == "copy" {
		do, did = func(o pkcs11.ObjectHandle) error { _, err := b.CopyObject(b.sh, o, relabelled()); return err }, "copied"
	}
	if err := do(free); err != nil {
		return failed("the same with a key that is not fixed", err)
	}
	if err := do(key); err != nil {
		return code(err)
	}
	return did
}

// unwrapTemplate unwraps a key that may leave under a key that allows none.
func unwrapTemplate(b *bench, _ []string) string {
	var pin runtime.Pinner
	defer pin.Unpin()
	rules := cryptoki.PinTemplate(&pin, []*pkcs11.Attribute{attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, false)})
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
	as := func(extractable bool) (pkcs11.ObjectHandle, error) {
		return b.take(kek, blob, attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, extractable))
	}
	if _, err := as(false); err != nil {
		return failed("a key as the template wants it", err)
	}
	made, err := as(true)
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
	return b.wrapped(key)
}

// checkValue asks for no CKA_CHECK_VALUE, and reads what there is.
func checkValue(b *bench, _ []string) string {
	key, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil), template(attr(pkcs11.CKA_VALUE_LEN, 32),
		attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_SIGN, true), attr(pkcs11.CKA_CHECK_VALUE, []byte{})))
	if err != nil {
		return failed("a key", err)
	}
	got, err := b.read(key, pkcs11.CKA_CHECK_VALUE)
	switch {
	case code(err) == "CKR_ATTRIBUTE_TYPE_INVALID", err == nil && len(got) == 0:
		return "empty"
	case err != nil:
		return failed("CKA_CHECK_VALUE", err)
	}
	return fmt.Sprintf("%d bytes", len(got))
}

// afterLogout signs with a private key that was found before its user left.
func afterLogout(b *bench, _ []string) string {
	key, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil), template(attr(pkcs11.CKA_VALUE_LEN, 32), attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_SIGN, true)))
	if err != nil {
		return failed("a key", err)
	}
	sign := func() error {
		if err := b.SignInit(b.sh, mech(pkcs11.CKM_SHA256_HMAC, nil), key); err != nil {
			return err
		}
		_, err := b.Sign(b.sh, []byte("x"))
		return err
	}
	if err := sign(); err != nil {
		return failed("a signature before", err)
	}
	if err := b.Logout(b.sh); err != nil {
		return failed("C_Logout", err)
	}
	defer b.Login(b.sh, pkcs11.CKU_USER, b.slot.PIN)
	if err := sign(); err != nil {
		return code(err)
	}
	return "signed"
}

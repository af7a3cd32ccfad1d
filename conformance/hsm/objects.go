package hsm

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance/bring"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// generate makes an AES key with attributes: "CKA_SENSITIVE=0", "CKA_WRAP=1,CKA_DECRYPT=1".
func generate(b *bench, args []string) string {
	if _, err := b.extractable(); err != nil {
		return failed("a key as others", err)
	}
	t := template(attr(pkcs11.CKA_VALUE_LEN, 32))
	for _, given := range strings.Split(args[0], ",") {
		name, value, _ := strings.Cut(given, "=")
		typ := named(cryptoki.AttributeNamed, name)
		t = slices.DeleteFunc(t, func(a *pkcs11.Attribute) bool { return a.Type == typ })
		t = append(t, attr(typ, value == "1"))
	}
	key, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), t)
	if err == nil {
		b.DestroyObject(b.sh, key)
	}
	return code(err)
}

// generated says what an AES key is whose template has its length, and that it is no token's.
func generated(b *bench, _ []string) string {
	key, err := b.GenerateKey(b.sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), []*pkcs11.Attribute{attr(pkcs11.CKA_TOKEN, false), attr(pkcs11.CKA_VALUE_LEN, 32)})
	if err != nil {
		return code(err)
	}
	defer b.DestroyObject(b.sh, key)
	return b.flags(key, pkcs11.CKA_PRIVATE, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT,
		pkcs11.CKA_SIGN, pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE)
}

// blob wraps a fresh key of 32 bytes under another, by RFC 3394.
func (b *bench) blob() (kek pkcs11.ObjectHandle, blob []byte, failure string) {
	kek, err := b.aes(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)
	if err != nil {
		return 0, nil, failed("a wrapping key", err)
	}
	key, err := b.extractable()
	if err != nil {
		return 0, nil, failed("a key to wrap", err)
	}
	if blob, err = b.WrapKey(b.sh, mech(pkcs11.CKM_AES_KEY_WRAP, nil), kek, key); err == nil && len(blob) == 0 {
		err = errNothing
	}
	if err != nil {
		return 0, nil, failed("C_WrapKey", err)
	}
	return kek, blob, ""
}

func (b *bench) extractable() (pkcs11.ObjectHandle, error) {
	return b.GenerateKey(b.sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), template(attr(pkcs11.CKA_VALUE_LEN, 32),
		attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, true), attr(pkcs11.CKA_SIGN, true)))
}

// take unwraps a blob as an AES key, with the length where the token wants it.
func (b *bench) take(kek pkcs11.ObjectHandle, blob []byte, more ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	t := append([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES), attr(pkcs11.CKA_TOKEN, false)}, more...)
	return bring.Unwrap(b.Extended, b.sh, mech(pkcs11.CKM_AES_KEY_WRAP, nil), kek, blob, t, 32)
}

// unwrapped says what a key is whose unwrapping names class and type.
func unwrapped(b *bench, _ []string) string {
	kek, blob, failure := b.blob()
	if failure != "" {
		return failure
	}
	key, err := b.take(kek, blob)
	if err != nil {
		return code(err)
	}
	return b.flags(key, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_MODIFIABLE, pkcs11.CKA_ENCRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_WRAP)
}

// derived says what a key is whose derivation names only class, type and length.
func derived(b *bench, _ []string) string {
	key, err := b.derive()
	if err != nil {
		return code(err)
	}
	return b.flags(key, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_SIGN, pkcs11.CKA_DERIVE)
}

// derive makes a key from a sensitive one by encrypting 32 bytes.
func (b *bench) derive(more ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	base, err := b.aes(pkcs11.CKA_DERIVE)
	if err != nil {
		return 0, err
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	data := cryptoki.PinDerivationData(&pin, make([]byte, 32))
	return b.DeriveKey(b.sh, mech(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, data), base, append([]*pkcs11.Attribute{attr(pkcs11.CKA_TOKEN, false),
		attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_VALUE_LEN, 32)}, more...))
}

func deriveReadable(b *bench, _ []string) string {
	if _, err := b.derive(attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, false)); err != nil {
		return failed("a child that is not", err)
	}
	key, err := b.derive(attr(pkcs11.CKA_SENSITIVE, false), attr(pkcs11.CKA_EXTRACTABLE, true))
	if err != nil {
		return code(err)
	}
	got, err := b.read(key, pkcs11.CKA_VALUE)
	if err != nil || len(got) == 0 {
		return "derived, and not read"
	}
	clear(got)
	return "read"
}

func createSecret(b *bench, _ []string) string {
	_, err := b.CreateObject(b.sh, template(attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_VALUE, make([]byte, 32))))
	return code(err)
}

// set changes an attribute of a key that may be modified.
func set(b *bench, args []string) string {
	key, err := b.aes(pkcs11.CKA_SIGN)
	if err != nil {
		return failed("a key", err)
	}
	typ := named(cryptoki.AttributeNamed, args[0])
	value := any("another")
	if slices.Contains(allUsages, typ) {
		value = true
	}
	return code(b.SetAttributeValue(b.sh, key, []*pkcs11.Attribute{attr(typ, value)}))
}

// attributeSize is the length of an attribute of a wrapping key, in bytes.
func attributeSize(b *bench, args []string) string {
	key, err := b.aes(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)
	if err != nil {
		return failed("a key", err)
	}
	got, err := b.read(key, named(cryptoki.AttributeNamed, args[0]))
	if err != nil {
		return code(err)
	}
	return fmt.Sprint(len(got))
}

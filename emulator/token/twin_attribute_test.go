package token_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"github.com/miekg/pkcs11"
)

// zeroBlock is the check value of an AES key.
func zeroBlock(key []byte) []byte {
	out := make([]byte, 16)
	blockOf(key).Encrypt(out, out)
	return out[:3]
}

func blockOf(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return b
}

// reading is the value of an attribute of an object.
func reading(template []*pkcs11.Attribute, typ uint) func(g *ground) string {
	return func(g *ground) string { return gives(g.read(g.create(template), typ)) }
}

// setting is the answer to a change, and the attribute's value after it.
func setting(template []*pkcs11.Attribute, to *pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string {
		h := g.create(template)
		answer := says(g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{to}))
		return answer + " " + gives(g.read(h, to.Type))
	}
}

// copying is the same with C_CopyObject.
func copying(template []*pkcs11.Attribute, to ...*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string {
		h, err := g.CopyObject(g.s, g.create(template), to)
		if err != nil || len(to) == 0 {
			return says(err)
		}
		return gives(g.read(h, to[0].Type))
	}
}

// history reads what tells where a key comes from.
func (g *ground) history(h pkcs11.ObjectHandle, err error) string {
	if err != nil {
		return says(err)
	}
	out := ""
	for _, typ := range []uint{pkcs11.CKA_LOCAL, pkcs11.CKA_ALWAYS_SENSITIVE, pkcs11.CKA_NEVER_EXTRACTABLE, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_KEY_GEN_MECHANISM} {
		out += fmt.Sprintf("%s ", gives(g.read(h, typ)))
	}
	return out
}

func off(typ uint) *pkcs11.Attribute { return attr(typ, false) }

var label = []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "label")}

var attributeScenarios = []scenario{
	{name: "read the value", do: reading(aesOf(key16), pkcs11.CKA_VALUE)},
	{name: "read a sensitive value", do: reading(aesOf(key16, pkcs11.CKA_SENSITIVE), pkcs11.CKA_VALUE)},
	{name: "read a value that cannot leave", do: reading(but(aesOf(key16), off(pkcs11.CKA_EXTRACTABLE)), pkcs11.CKA_VALUE)},
	{name: "read a sensitive value that may leave", do: reading(aesOf(key16, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE), pkcs11.CKA_VALUE)},
	{name: "read the length", do: reading(aesOf(key16), pkcs11.CKA_VALUE_LEN)},
	{name: "read the class", do: reading(aesOf(key16), pkcs11.CKA_CLASS)},
	{name: "read the key type", do: reading(genericOf(key16), pkcs11.CKA_KEY_TYPE)},
	{name: "read an empty label", do: reading(aesOf(key16), pkcs11.CKA_LABEL)},
	{name: "read an empty id", do: reading(aesOf(key16), pkcs11.CKA_ID)},
	{name: "read an empty date", do: reading(aesOf(key16), pkcs11.CKA_START_DATE)},
	{name: "read a date", meant: meant{"3230333030313031", "CKR_GENERAL_ERROR", standard}, do: reading(append(aesOf(key16), attr(pkcs11.CKA_END_DATE, "20300101")), pkcs11.CKA_END_DATE)},
	{name: "read an RSA attribute of AES", do: reading(aesOf(key16), pkcs11.CKA_MODULUS)},
	{name: "read an unknown attribute", do: reading(aesOf(key16), 0x7ffffff0)},
	{name: "read CKA_MODIFIABLE", do: reading(aesOf(key16), pkcs11.CKA_MODIFIABLE)},
	{name: "read CKA_COPYABLE", do: reading(aesOf(key16), pkcs11.CKA_COPYABLE)},
	{name: "read CKA_DESTROYABLE", do: reading(aesOf(key16), pkcs11.CKA_DESTROYABLE)},
	{name: "read CKA_TRUSTED", do: reading(aesOf(key16), pkcs11.CKA_TRUSTED)},
	{name: "read CKA_WRAP_WITH_TRUSTED", do: reading(aesOf(key16), pkcs11.CKA_WRAP_WITH_TRUSTED)},
	{name: "read CKA_ALLOWED_MECHANISMS", do: reading(append(aesOf(key16), attr(pkcs11.CKA_ALLOWED_MECHANISMS, pkcs11.CKM_AES_ECB)), pkcs11.CKA_ALLOWED_MECHANISMS)},
	{name: "read the check value of AES", do: reading(aesOf(key16, pkcs11.CKA_ENCRYPT), pkcs11.CKA_CHECK_VALUE)},
	{name: "read the check value of a sensitive AES key", do: reading(aesOf(key16, pkcs11.CKA_SENSITIVE), pkcs11.CKA_CHECK_VALUE)},
	{name: "read the check value of a generic secret", do: reading(genericOf(key32), pkcs11.CKA_CHECK_VALUE)},
	{name: "read the check value of a sensitive generic secret", do: reading(genericOf(key32, pkcs11.CKA_SENSITIVE), pkcs11.CKA_CHECK_VALUE)},
	{name: "read an empty check value", do: reading(append(genericOf(key32), attr(pkcs11.CKA_CHECK_VALUE, []byte{})), pkcs11.CKA_CHECK_VALUE)},
	{name: "read an empty check value of AES", do: reading(append(aesOf(key32), attr(pkcs11.CKA_CHECK_VALUE, []byte{})), pkcs11.CKA_CHECK_VALUE)},
	{name: "read the default usages", meant: meant{"00", "01", closed}, do: reading(secretKey(pkcs11.CKK_AES, key16, nil), pkcs11.CKA_SIGN)},
	{name: "read the default of extractable", do: reading(secretKey(pkcs11.CKK_AES, key16, nil), pkcs11.CKA_EXTRACTABLE)},
	{name: "read the default of sensitive", do: reading(secretKey(pkcs11.CKK_AES, key16, nil), pkcs11.CKA_SENSITIVE)},
	{name: "read the default of private", do: reading(secretKey(pkcs11.CKK_AES, key16, nil), pkcs11.CKA_PRIVATE)},
	{name: "read of a public key: exponent", do: reading(rsaPublic(modulus()), pkcs11.CKA_PUBLIC_EXPONENT)},
	{name: "read of a public key: bits", do: reading(rsaPublic(modulus()), pkcs11.CKA_MODULUS_BITS)},
	{name: "read label and sensitive value", do: func(g *ground) string {
		h := g.create(aesOf(key16, pkcs11.CKA_SENSITIVE))
		return says(second(g.GetAttributeValue(g.s, h, []*pkcs11.Attribute{{Type: pkcs11.CKA_LABEL}, {Type: pkcs11.CKA_VALUE}})))
	}},
	{name: "read of no object", do: func(g *ground) string { return gives(g.read(4711, pkcs11.CKA_LABEL)) }},

	{name: "history of a created key", do: func(g *ground) string { return g.history(g.CreateObject(g.s, aesOf(key16, pkcs11.CKA_SENSITIVE))) }},
	{name: "history of a generated key", do: func(g *ground) string {
		return g.history(g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(stated(pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_VALUE_LEN, 16))))
	}},
	{name: "history of a generated key that may leave", do: func(g *ground) string {
		return g.history(g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(stated(), attr(pkcs11.CKA_VALUE_LEN, 16))))
	}},
	{name: "history after sensitive was set later", do: func(g *ground) string {
		h, err := g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(stated(), attr(pkcs11.CKA_VALUE_LEN, 16)))
		check(g.t, err)
		check(g.t, g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_SENSITIVE, true), off(pkcs11.CKA_EXTRACTABLE)}))
		return g.history(h, nil)
	}},
	{name: "history of a copy", do: func(g *ground) string {
		h, err := g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(stated(pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_VALUE_LEN, 16)))
		check(g.t, err)
		return g.history(g.CopyObject(g.s, h, label))
	}},

	{name: "set a label", do: setting(aesOf(key16), attr(pkcs11.CKA_LABEL, "new"))},
	{name: "set an id", do: setting(aesOf(key16), attr(pkcs11.CKA_ID, "new"))},
	{name: "set a date", meant: meant{"CKR_OK 3230333030313031", "CKR_OK CKR_GENERAL_ERROR", standard}, do: setting(aesOf(key16), attr(pkcs11.CKA_END_DATE, "20300101"))},
	{name: "set sensitive", do: setting(aesOf(key16), attr(pkcs11.CKA_SENSITIVE, true))},
	{name: "set not sensitive what is not", do: setting(aesOf(key16), off(pkcs11.CKA_SENSITIVE))},
	{name: "set extractable what is", do: setting(aesOf(key16), attr(pkcs11.CKA_EXTRACTABLE, true))},
	{name: "set not sensitive", do: setting(aesOf(key16, pkcs11.CKA_SENSITIVE), off(pkcs11.CKA_SENSITIVE))},
	{name: "set sensitive again", do: setting(aesOf(key16, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_SENSITIVE, true))},
	{name: "set extractable", do: setting(aesOf(key16, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_EXTRACTABLE, true))},
	{name: "set not extractable", do: setting(aesOf(key16), off(pkcs11.CKA_EXTRACTABLE))},
	{name: "set not extractable again", do: setting(aesOf(key16, pkcs11.CKA_SENSITIVE), off(pkcs11.CKA_EXTRACTABLE))},
	{name: "set wrap with trusted", meant: meant{"CKR_OK 01", "CKR_ATTRIBUTE_READ_ONLY 00", standard}, do: setting(aesOf(key16), attr(pkcs11.CKA_WRAP_WITH_TRUSTED, true))},
	{name: "set not wrap with trusted", do: setting(append(aesOf(key16), attr(pkcs11.CKA_WRAP_WITH_TRUSTED, true)), off(pkcs11.CKA_WRAP_WITH_TRUSTED))},
	{name: "set a usage", do: setting(aesOf(key16), attr(pkcs11.CKA_SIGN, true))},
	{name: "set a usage off", do: setting(aesOf(key16, pkcs11.CKA_SIGN), off(pkcs11.CKA_SIGN))},
	{name: "set decrypt on a wrapping key", meant: meant{"CKR_TEMPLATE_INCONSISTENT 00", "CKR_OK 01", roles}, do: setting(aesOf(key16, pkcs11.CKA_WRAP), attr(pkcs11.CKA_DECRYPT, true))},
	{name: "set token", do: setting(aesOf(key16), attr(pkcs11.CKA_TOKEN, true))},
	{name: "set private off", do: setting(aesOf(key16), off(pkcs11.CKA_PRIVATE))},
	{name: "set modifiable off", do: setting(aesOf(key16), off(pkcs11.CKA_MODIFIABLE))},
	{name: "set copyable off", meant: meant{"CKR_OK 00", "CKR_ATTRIBUTE_READ_ONLY 01", standard}, do: setting(aesOf(key16), off(pkcs11.CKA_COPYABLE))},
	{name: "set copyable on", do: setting(append(aesOf(key16), off(pkcs11.CKA_COPYABLE)), attr(pkcs11.CKA_COPYABLE, true))},
	{name: "set destroyable off", meant: meant{"CKR_OK 00", "CKR_ATTRIBUTE_READ_ONLY 01", standard}, do: setting(aesOf(key16), off(pkcs11.CKA_DESTROYABLE))},
	{name: "set the value", do: setting(aesOf(key16), attr(pkcs11.CKA_VALUE, key32))},
	{name: "set the class", do: setting(aesOf(key16), attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA))},
	{name: "set the key type", do: setting(aesOf(key16), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET))},
	{name: "set local", do: setting(aesOf(key16), attr(pkcs11.CKA_LOCAL, true))},
	{name: "set always sensitive", do: setting(aesOf(key16), attr(pkcs11.CKA_ALWAYS_SENSITIVE, true))},
	{name: "set never extractable", do: setting(aesOf(key16), attr(pkcs11.CKA_NEVER_EXTRACTABLE, true))},
	{name: "set trusted as user", do: setting(aesOf(key16), attr(pkcs11.CKA_TRUSTED, true))},
	{name: "set the check value", do: setting(aesOf(key16, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_CHECK_VALUE, []byte{1, 2, 3}))},
	{name: "set the check value empty", do: setting(aesOf(key16, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_CHECK_VALUE, []byte{}))},
	{name: "set the length", do: setting(aesOf(key16), attr(pkcs11.CKA_VALUE_LEN, 32))},
	{name: "set an unknown attribute", do: setting(aesOf(key16), attr(0x7ffffff0, true))},
	{name: "set a boolean of two", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID 00", "CKR_OK 01", strict}, do: setting(aesOf(key16), attr(pkcs11.CKA_SIGN, []byte{2}))},
	{name: "set on an unmodifiable key", do: setting(append(aesOf(key16), off(pkcs11.CKA_MODIFIABLE)), attr(pkcs11.CKA_LABEL, "new"))},
	{name: "set modifiable on", do: setting(append(aesOf(key16), off(pkcs11.CKA_MODIFIABLE)), attr(pkcs11.CKA_MODIFIABLE, true))},
	{name: "set on no object", do: func(g *ground) string {
		return says(g.SetAttributeValue(g.s, 4711, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "x")}))
	}},
	{name: "set label and sensitive off", meant: meant{"CKR_ATTRIBUTE_READ_ONLY", "CKR_ATTRIBUTE_READ_ONLY 6e6577", standard}, do: func(g *ground) string {
		h := g.create(aesOf(key16, pkcs11.CKA_SENSITIVE))
		answer := says(g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "new"), off(pkcs11.CKA_SENSITIVE)}))
		return answer + " " + gives(g.read(h, pkcs11.CKA_LABEL))
	}},
	{name: "set an unwrap template", do: func(g *ground) string {
		h := g.create(aesOf(key16, pkcs11.CKA_UNWRAP))
		return nested(pkcs11.CKA_UNWRAP_TEMPLATE, on(pkcs11.CKA_SENSITIVE), func(a *pkcs11.Attribute) string {
			return says(g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{a}))
		})
	}},

	{name: "copy without a template", meant: meant{"CKR_OK", "CKR_ARGUMENTS_BAD", null}, do: copying(aesOf(key16))},
	{name: "copy with a label", do: copying(aesOf(key16), attr(pkcs11.CKA_LABEL, "new"))},
	{name: "copy as a token object", do: copying(aesOf(key16), attr(pkcs11.CKA_TOKEN, true))},
	{name: "copy to private", do: copying(but(aesOf(key16), off(pkcs11.CKA_PRIVATE)), attr(pkcs11.CKA_PRIVATE, true))},
	{name: "copy to public", do: copying(aesOf(key16), off(pkcs11.CKA_PRIVATE))},
	{name: "copy to sensitive", do: copying(aesOf(key16), attr(pkcs11.CKA_SENSITIVE, true))},
	{name: "copy to not sensitive", do: copying(aesOf(key16, pkcs11.CKA_SENSITIVE), off(pkcs11.CKA_SENSITIVE))},
	{name: "copy to extractable", do: copying(aesOf(key16, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_EXTRACTABLE, true))},
	{name: "copy to not extractable", do: copying(aesOf(key16), off(pkcs11.CKA_EXTRACTABLE))},
	{name: "copy to another usage", do: copying(aesOf(key16), attr(pkcs11.CKA_SIGN, true))},
	{name: "copy to unmodifiable", do: copying(aesOf(key16), off(pkcs11.CKA_MODIFIABLE))},
	{name: "copy an unmodifiable key", meant: meant{"00", "CKR_ATTRIBUTE_READ_ONLY", standard}, do: copying(append(aesOf(key16), off(pkcs11.CKA_MODIFIABLE)), off(pkcs11.CKA_TOKEN))},
	{name: "copy an unmodifiable key to another usage", do: copying(append(aesOf(key16), off(pkcs11.CKA_MODIFIABLE)), attr(pkcs11.CKA_SIGN, true))},
	{name: "copy a key that must not be copied", do: copying(append(aesOf(key16), off(pkcs11.CKA_COPYABLE)), label...)},
	{name: "copy to another value", do: copying(aesOf(key16), attr(pkcs11.CKA_VALUE, key32))},
	{name: "copy to another class", do: copying(aesOf(key16), attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA))},
	{name: "copy keeps the value", do: func(g *ground) string {
		h, err := g.CopyObject(g.s, g.create(aesOf(key16)), label)
		check(g.t, err)
		v, err := g.read(h, pkcs11.CKA_VALUE)
		return fmt.Sprint(bytes.Equal(v, key16), err)
	}},
	{name: "copy nothing", do: func(g *ground) string { return says(second(g.CopyObject(g.s, 4711, label))) }},

	{name: "destroy", do: func(g *ground) string {
		h := g.create(aesOf(key16))
		return says(g.DestroyObject(g.s, h)) + " " + says(g.DestroyObject(g.s, h))
	}},
	{name: "destroy what must stay", do: func(g *ground) string {
		return says(g.DestroyObject(g.s, g.create(append(aesOf(key16), off(pkcs11.CKA_DESTROYABLE)))))
	}},
	{name: "destroy nothing", do: func(g *ground) string { return says(g.DestroyObject(g.s, 4711)) }},
	{name: "find by label", do: func(g *ground) string {
		g.create(append(aesOf(key16), attr(pkcs11.CKA_LABEL, "one")))
		g.create(append(aesOf(key16, pkcs11.CKA_SIGN), attr(pkcs11.CKA_LABEL, "one")))
		return fmt.Sprint(len(g.find(attr(pkcs11.CKA_LABEL, "one"))), len(g.find(attr(pkcs11.CKA_LABEL, "two"))), len(g.find()),
			len(g.find(attr(pkcs11.CKA_LABEL, "one"), attr(pkcs11.CKA_SIGN, true))), len(g.find(attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA))))
	}},
	{name: "find by a sensitive value", meant: meant{"0", "1", hiddenValue}, do: func(g *ground) string {
		g.create(aesOf(key16, pkcs11.CKA_SENSITIVE))
		return fmt.Sprint(len(g.find(attr(pkcs11.CKA_VALUE, key16))))
	}},
	{name: "find by a readable value", do: func(g *ground) string {
		g.create(aesOf(key16))
		return fmt.Sprint(len(g.find(attr(pkcs11.CKA_VALUE, key16))))
	}},
	{name: "find by an unknown attribute", do: func(g *ground) string {
		g.create(aesOf(key16))
		return fmt.Sprint(len(g.find(attr(0x7ffffff0, true))))
	}},
	{name: "size", do: func(g *ground) string {
		n, err := g.GetObjectSize(g.s, g.create(aesOf(key16)))
		return fmt.Sprint(n > 0, says(err))
	}},
	{name: "size of nothing", do: func(g *ground) string { return says(second(g.GetObjectSize(g.s, 4711))) }},
}

package token_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

var (
	yes, no = []byte{1}, []byte{0}
	nothing = []byte{}
)

// made is a key and the way it came into being.
type made struct {
	how string
	h   pkcs11.ObjectHandle
}

// everyWay makes an AES or generic key by each call that makes one, with these
// attributes and no others.
func (g *ground) everyWay(more ...*pkcs11.Attribute) []made {
	g.t.Helper()
	wrapping := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP)))
	base := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_DERIVE)))
	inner := g.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_EXTRACTABLE)))
	blob, err := g.WrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), wrapping, inner)
	check(g.t, err)
	class, typ, length := attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES), attr(pkcs11.CKA_VALUE_LEN, 32)
	template := func(a ...*pkcs11.Attribute) []*pkcs11.Attribute { return append(a, more...) }

	created := g.create(secretKey(pkcs11.CKK_AES, random(32), more))
	generated, err := g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), template(length))
	check(g.t, err)
	unwrapped, err := g.UnwrapKey(g.s, plain(pkcs11.CKM_AES_KEY_WRAP), wrapping, blob, template(class, typ))
	check(g.t, err)
	derived, err := g.derive(base, random(32), template(class, typ, length)...)
	check(g.t, err)
	return []made{{"created", created}, {"generated", generated}, {"unwrapped", unwrapped}, {"derived", derived}}
}

func (g *ground) derive(base pkcs11.ObjectHandle, data []byte, template ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	var p runtime.Pinner
	defer p.Unpin()
	m := pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, cryptoki.PinDerivationData(&p, data))
	return g.DeriveKey(g.s, []*pkcs11.Mechanism{m}, base, template)
}

// A secret key whose template says nothing has these attributes.
func TestDefaultsOfASecretKey(t *testing.T) {
	g := memoryToken(t)
	want := map[uint][]byte{
		pkcs11.CKA_CLASS:              attr(0, pkcs11.CKO_SECRET_KEY).Value,
		pkcs11.CKA_KEY_TYPE:           attr(0, pkcs11.CKK_AES).Value,
		pkcs11.CKA_TOKEN:              no,
		pkcs11.CKA_PRIVATE:            yes,
		pkcs11.CKA_MODIFIABLE:         yes,
		pkcs11.CKA_COPYABLE:           yes,
		pkcs11.CKA_DESTROYABLE:        yes,
		pkcs11.CKA_LABEL:              nothing,
		pkcs11.CKA_ID:                 nothing,
		pkcs11.CKA_START_DATE:         nothing,
		pkcs11.CKA_END_DATE:           nothing,
		pkcs11.CKA_SENSITIVE:          no,
		pkcs11.CKA_ENCRYPT:            no,
		pkcs11.CKA_DECRYPT:            no,
		pkcs11.CKA_SIGN:               no,
		pkcs11.CKA_VERIFY:             no,
		pkcs11.CKA_WRAP:               no,
		pkcs11.CKA_UNWRAP:             no,
		pkcs11.CKA_DERIVE:             no,
		pkcs11.CKA_TRUSTED:            no,
		pkcs11.CKA_WRAP_WITH_TRUSTED:  no,
		pkcs11.CKA_ALWAYS_SENSITIVE:   no,
		pkcs11.CKA_VALUE_LEN:          attr(0, 32).Value,
		pkcs11.CKA_WRAP_TEMPLATE:      nothing,
		pkcs11.CKA_UNWRAP_TEMPLATE:    nothing,
		pkcs11.CKA_ALLOWED_MECHANISMS: nothing,
	}
	// These depend on how the key came into being.
	depend := map[string]map[uint][]byte{
		"created":   {pkcs11.CKA_LOCAL: no, pkcs11.CKA_NEVER_EXTRACTABLE: no, pkcs11.CKA_EXTRACTABLE: no, pkcs11.CKA_KEY_GEN_MECHANISM: unavailable()},
		"generated": {pkcs11.CKA_LOCAL: yes, pkcs11.CKA_NEVER_EXTRACTABLE: yes, pkcs11.CKA_EXTRACTABLE: no, pkcs11.CKA_KEY_GEN_MECHANISM: attr(0, pkcs11.CKM_AES_KEY_GEN).Value},
		"unwrapped": {pkcs11.CKA_LOCAL: no, pkcs11.CKA_NEVER_EXTRACTABLE: no, pkcs11.CKA_EXTRACTABLE: yes, pkcs11.CKA_KEY_GEN_MECHANISM: unavailable()},
		"derived":   {pkcs11.CKA_LOCAL: no, pkcs11.CKA_NEVER_EXTRACTABLE: no, pkcs11.CKA_EXTRACTABLE: no, pkcs11.CKA_KEY_GEN_MECHANISM: unavailable()},
	}
	for _, k := range g.everyWay() {
		for _, attributes := range []map[uint][]byte{want, depend[k.how]} {
			for typ, v := range attributes {
				got, err := g.read(k.h, typ)
				if err != nil || !bytes.Equal(got, v) {
					t.Errorf("%s: attribute %#x is %x, %v, want %x", k.how, typ, got, err, v)
				}
			}
		}
	}
}

func unavailable() []byte { return attr(0, pkcs11.CK_UNAVAILABLE_INFORMATION).Value }

// The attributes that tell a key's history, PKCS #11 v2.40 §4.10.2 and C_DeriveKey.
func TestAncestry(t *testing.T) {
	g := memoryToken(t)
	secret := on(pkcs11.CKA_SENSITIVE)
	inside := append(secret, attr(pkcs11.CKA_EXTRACTABLE, false))
	base, err := g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(inside, attr(pkcs11.CKA_VALUE_LEN, 32), attr(pkcs11.CKA_DERIVE, true)))
	check(t, err)
	type history struct{ always, never []byte }
	want := map[string]history{"created": {no, no}, "generated": {yes, yes}, "unwrapped": {no, no}, "derived": {no, no}}
	keys := g.everyWay(inside...)
	child, err := g.derive(base, random(32), append(inside, attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES), attr(pkcs11.CKA_VALUE_LEN, 32))...)
	check(t, err)
	keys, want["derived from a key with such a history"] = append(keys, made{"derived from a key with such a history", child}), history{yes, yes}
	for _, k := range keys {
		always, err1 := g.read(k.h, pkcs11.CKA_ALWAYS_SENSITIVE)
		never, err2 := g.read(k.h, pkcs11.CKA_NEVER_EXTRACTABLE)
		w := want[k.how]
		if err1 != nil || err2 != nil || !bytes.Equal(always, w.always) || !bytes.Equal(never, w.never) {
			t.Errorf("%s: always sensitive %x, never extractable %x, want %x, %x", k.how, always, never, w.always, w.never)
		}
	}
}

// The value can be read only where the key is neither sensitive nor confined.
func TestReadingTheValue(t *testing.T) {
	g := memoryToken(t)
	value := random(32)
	for _, c := range []struct {
		sensitive, extractable bool
		code                   uint
	}{
		{false, true, pkcs11.CKR_OK},
		{false, false, pkcs11.CKR_ATTRIBUTE_SENSITIVE},
		{true, true, pkcs11.CKR_ATTRIBUTE_SENSITIVE},
		{true, false, pkcs11.CKR_ATTRIBUTE_SENSITIVE},
	} {
		h := g.create(secretKey(pkcs11.CKK_AES, value, []*pkcs11.Attribute{
			attr(pkcs11.CKA_SENSITIVE, c.sensitive), attr(pkcs11.CKA_EXTRACTABLE, c.extractable)}))
		got, err := g.read(h, pkcs11.CKA_VALUE)
		wants(t, "reading the value", err, c.code)
		if err == nil && !bytes.Equal(got, value) {
			t.Errorf("read %x", got)
		}
		// A search must not tell what reading does not.
		if found := g.find(attr(pkcs11.CKA_VALUE, value)); (len(found) == 1) != (c.code == 0) {
			t.Errorf("found by value: %v", found)
		}
		check(t, g.DestroyObject(g.s, h))
	}
}

func TestReadingSeveralAttributesIsAllOrOneError(t *testing.T) {
	g := memoryToken(t)
	h := g.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_SENSITIVE)))
	_, err := g.GetAttributeValue(g.s, h, []*pkcs11.Attribute{{Type: pkcs11.CKA_LABEL}, {Type: pkcs11.CKA_VALUE}})
	wants(t, "label and value", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
	_, err = g.GetAttributeValue(g.s, h, []*pkcs11.Attribute{{Type: pkcs11.CKA_MODULUS}})
	wants(t, "an RSA attribute", err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
	_, err = g.GetAttributeValue(g.s, 9999, []*pkcs11.Attribute{{Type: pkcs11.CKA_LABEL}})
	wants(t, "no object", err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
}

// PKCS #11 v2.40 §4.10.2: computed, compared, or left out when given empty.
func TestCheckValue(t *testing.T) {
	g := memoryToken(t)
	secret := bytes.Repeat([]byte{7}, 20)
	sum := sha1.Sum(secret)
	create := func(given ...*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		return g.CreateObject(g.s, secretKey(pkcs11.CKK_GENERIC_SECRET, secret, append(given, attr(pkcs11.CKA_SENSITIVE, true))))
	}
	for _, c := range []struct {
		name  string
		given []*pkcs11.Attribute
		want  []byte
		code  uint
	}{
		{"none given", nil, sum[:3], 0},
		{"the right one", []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, sum[:3])}, sum[:3], 0},
		{"an empty one", []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, []byte{})}, nothing, 0},
		{"a wrong one", []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, []byte{1, 2, 3})}, nil, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a longer one", []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, sum[:4])}, nil, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
	} {
		h, err := create(c.given...)
		wants(t, c.name, err, c.code)
		if err != nil {
			continue
		}
		if got, err := g.read(h, pkcs11.CKA_CHECK_VALUE); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: reads %x, %v", c.name, got, err)
		}
	}
	for _, k := range g.everyWay(attr(pkcs11.CKA_CHECK_VALUE, []byte{})) {
		if got, err := g.read(k.h, pkcs11.CKA_CHECK_VALUE); err != nil || len(got) != 0 {
			t.Errorf("%s with an empty one: reads %x, %v", k.how, got, err)
		}
		copied, err := g.CopyObject(g.s, k.h, nil)
		check(t, err)
		if got, err := g.read(copied, pkcs11.CKA_CHECK_VALUE); err != nil || len(got) != 0 {
			t.Errorf("copy of %s: reads %x, %v", k.how, got, err)
		}
	}
}

// Once emptied, a check value is gone: from the object, its copies, and what a
// restart reads. Nothing brings it back.
func TestCheckValueIsGoneForGood(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	empty := attr(pkcs11.CKA_CHECK_VALUE, []byte{})
	sum := sha1.Sum(key32)
	h := g.create(append(genericOf(key32, pkcs11.CKA_TOKEN), attr(pkcs11.CKA_LABEL, "seed")))
	wants(t, "set to a wrong one", g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, "abc")}), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	wants(t, "set to its own", g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, sum[:3])}), 0)
	fixed := g.create(append(genericOf(key32), attr(pkcs11.CKA_MODIFIABLE, false)))
	_, err := g.CopyObject(g.s, fixed, []*pkcs11.Attribute{empty})
	wants(t, "emptied in a copy of what is not modifiable", err, pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	copied, err := g.CopyObject(g.s, h, []*pkcs11.Attribute{empty, attr(pkcs11.CKA_LABEL, "copy")})
	check(t, err)
	check(t, g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{empty}))
	for _, gone := range []pkcs11.ObjectHandle{h, copied} {
		wants(t, "set back", g.SetAttributeValue(g.s, gone, []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, sum[:3])}), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		_, err := g.CopyObject(g.s, gone, []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, sum[:3])})
		wants(t, "brought back in a copy", err, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	g.Destroy()
	g = directoryToken(t, dir)
	for _, label := range []string{"seed", "copy"} {
		if v, err := g.read(g.named(label), pkcs11.CKA_CHECK_VALUE); err != nil || len(v) != 0 {
			t.Errorf("%s: after a restart %x, %v", label, v, err)
		}
	}
}

// A wrapping key may say that what it unwraps has no check value.
func TestCheckValueInAnUnwrapTemplate(t *testing.T) {
	g := memoryToken(t)
	answer := nested(pkcs11.CKA_UNWRAP_TEMPLATE, []*pkcs11.Attribute{attr(pkcs11.CKA_CHECK_VALUE, []byte{})}, func(a *pkcs11.Attribute) string {
		h, err := g.UnwrapKey(g.s, kw, g.create(append(aesOf(key16, cU), a)), wrapped(key16, key32), unwrapped(pkcs11.CKK_GENERIC_SECRET))
		check(t, err)
		return gives(g.read(h, pkcs11.CKA_CHECK_VALUE))
	})
	if answer != "" {
		t.Errorf("reads %s", answer)
	}
}

// changes lists what C_SetAttributeValue and C_CopyObject may do.
var changes = []struct {
	typ       uint
	from, to  bool
	set, copy uint
}{
	{pkcs11.CKA_SENSITIVE, false, true, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_SENSITIVE, true, false, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{pkcs11.CKA_EXTRACTABLE, true, false, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_EXTRACTABLE, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{pkcs11.CKA_WRAP_WITH_TRUSTED, false, true, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_WRAP_WITH_TRUSTED, true, false, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{pkcs11.CKA_TOKEN, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_OK},
	{pkcs11.CKA_PRIVATE, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_OK},
	{pkcs11.CKA_PRIVATE, true, false, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_TEMPLATE_INCONSISTENT},
	{pkcs11.CKA_MODIFIABLE, true, false, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_OK},
	{pkcs11.CKA_COPYABLE, true, false, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_DESTROYABLE, true, false, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_DESTROYABLE, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{pkcs11.CKA_SIGN, false, true, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_SIGN, true, false, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_DERIVE, false, true, pkcs11.CKR_OK, pkcs11.CKR_OK},
	{pkcs11.CKA_TRUSTED, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	// MODIFIABLE=0 and COPYABLE=0 forbid the call itself.
	{pkcs11.CKA_MODIFIABLE, false, true, pkcs11.CKR_ACTION_PROHIBITED, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{pkcs11.CKA_COPYABLE, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ACTION_PROHIBITED},
	// History and values are nobody's to change.
	{pkcs11.CKA_LOCAL, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{pkcs11.CKA_ALWAYS_SENSITIVE, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
	{pkcs11.CKA_NEVER_EXTRACTABLE, false, true, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
}

func TestChanges(t *testing.T) {
	g := memoryToken(t)
	for _, c := range changes {
		template := secretKey(pkcs11.CKK_AES, random(16), nil)
		switch c.typ {
		case pkcs11.CKA_LOCAL, pkcs11.CKA_ALWAYS_SENSITIVE, pkcs11.CKA_NEVER_EXTRACTABLE:
		default:
			template = append(template, attr(c.typ, c.from))
		}
		h := g.create(template)
		to := []*pkcs11.Attribute{attr(c.typ, c.to)}
		_, err := g.CopyObject(g.s, h, to)
		wants(t, fmt.Sprintf("copy %#x to %v", c.typ, c.to), err, c.copy)
		err = g.SetAttributeValue(g.s, h, to)
		wants(t, fmt.Sprintf("set %#x to %v", c.typ, c.to), err, c.set)
		got, err := g.read(h, c.typ)
		check(t, err)
		if c.set == 0 && got[0] != to[0].Value[0] || c.set != 0 && got[0] == to[0].Value[0] {
			t.Errorf("attribute %#x is %x afterwards", c.typ, got)
		}
	}
}

// What a set refuses leaves the object as it was, also where the first of two
// changes alone would do.
func TestASetIsWholeOrNothing(t *testing.T) {
	g := memoryToken(t)
	h := g.create(secretKey(pkcs11.CKK_AES, random(16), on(pkcs11.CKA_SENSITIVE)))
	err := g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "new"), attr(pkcs11.CKA_SENSITIVE, false)})
	wants(t, "label and sensitive", err, pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	if label, _ := g.read(h, pkcs11.CKA_LABEL); len(label) != 0 {
		t.Errorf("label is %q", label)
	}
}

// A copy of a key that is not modifiable may live elsewhere, and be nothing else.
func TestCopyOfAnUnmodifiableKey(t *testing.T) {
	g := memoryToken(t)
	h := g.create(secretKey(pkcs11.CKK_AES, random(16), append(on(pkcs11.CKA_SENSITIVE, pkcs11.CKA_SIGN), attr(pkcs11.CKA_MODIFIABLE, false))))
	_, err := g.CopyObject(g.s, h, on(pkcs11.CKA_TOKEN))
	wants(t, "as a token object", err, 0)
	_, err = g.CopyObject(g.s, h, on(pkcs11.CKA_SENSITIVE))
	wants(t, "naming what it has", err, 0)
	_, err = g.CopyObject(g.s, h, on(pkcs11.CKA_DECRYPT))
	wants(t, "with another usage", err, pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	_, err = g.CopyObject(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "x")})
	wants(t, "with another label", err, pkcs11.CKR_ATTRIBUTE_READ_ONLY)
}

func TestTemplates(t *testing.T) {
	g := memoryToken(t)
	aes := func(more ...*pkcs11.Attribute) []*pkcs11.Attribute {
		return secretKey(pkcs11.CKK_AES, random(16), more)
	}
	for _, c := range []struct {
		name     string
		template []*pkcs11.Attribute
		code     uint
	}{
		{"nothing", nil, pkcs11.CKR_TEMPLATE_INCOMPLETE},
		{"no attribute at all", []*pkcs11.Attribute{nil}, pkcs11.CKR_ARGUMENTS_BAD},
		{"no key type", []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY)}, pkcs11.CKR_TEMPLATE_INCOMPLETE},
		{"no value", aes()[:2], pkcs11.CKR_TEMPLATE_INCOMPLETE},
		{"a class that is not here", []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DOMAIN_PARAMETERS)}, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a key type that is not here", secretKey(pkcs11.CKK_DES3, random(24), nil), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a secret RSA key", secretKey(pkcs11.CKK_RSA, random(24), nil), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"17 bytes of AES", secretKey(pkcs11.CKK_AES, random(17), nil), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"an empty secret", secretKey(pkcs11.CKK_GENERIC_SECRET, nil, nil), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a secret of one byte", secretKey(pkcs11.CKK_GENERIC_SECRET, random(1), nil), pkcs11.CKR_OK},
		{"a key for one HMAC", secretKey(pkcs11.CKK_SHA256_HMAC, random(32), nil), pkcs11.CKR_OK},
		{"an unknown attribute", aes(attr(0x7fffffff, true)), pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
		{"another class's attribute", aes(attr(pkcs11.CKA_MODULUS, []byte{1})), pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
		{"an attribute twice", aes(attr(pkcs11.CKA_SIGN, true), attr(pkcs11.CKA_SIGN, true)), pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"a boolean of 2", aes(attr(pkcs11.CKA_SIGN, []byte{2})), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a boolean of 8 bytes", aes(attr(pkcs11.CKA_SIGN, 1)), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a class of 1 byte", []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, true)}, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a date of 3 bytes", aes(attr(pkcs11.CKA_START_DATE, "now")), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a very long label", aes(attr(pkcs11.CKA_LABEL, make([]byte, 1<<15))), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"its length", aes(attr(pkcs11.CKA_VALUE_LEN, 16)), pkcs11.CKR_ATTRIBUTE_READ_ONLY},
		{"its history", aes(attr(pkcs11.CKA_LOCAL, true)), pkcs11.CKR_ATTRIBUTE_READ_ONLY},
		{"trust, by the user", aes(attr(pkcs11.CKA_TRUSTED, true)), pkcs11.CKR_ATTRIBUTE_READ_ONLY},
		{"half a mechanism", aes(attr(pkcs11.CKA_ALLOWED_MECHANISMS, []byte{1})), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"half a template", aes(attr(pkcs11.CKA_UNWRAP_TEMPLATE, []byte{1})), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"data", []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_VALUE, "x"), attr(pkcs11.CKA_APPLICATION, "a")}, pkcs11.CKR_OK},
		{"data that signs", []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), attr(pkcs11.CKA_SIGN, true)}, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
	} {
		_, err := g.CreateObject(g.s, c.template)
		wants(t, c.name, err, c.code)
	}
}

func TestGenerationTemplates(t *testing.T) {
	g := memoryToken(t)
	for _, c := range []struct {
		name     string
		mech     uint
		template []*pkcs11.Attribute
		code     uint
	}{
		{"no length", pkcs11.CKM_AES_KEY_GEN, nil, pkcs11.CKR_TEMPLATE_INCOMPLETE},
		{"20 bytes of AES", pkcs11.CKM_AES_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 20)}, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"20 bytes", pkcs11.CKM_GENERIC_SECRET_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 20)}, 0},
		{"a key for HMAC", pkcs11.CKM_GENERIC_SECRET_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 20), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_SHA_1_HMAC)}, 0},
		{"AES by the wrong mechanism", pkcs11.CKM_GENERIC_SECRET_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 16), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES)}, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"no length at all", pkcs11.CKM_GENERIC_SECRET_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 0)}, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"a length beyond all", pkcs11.CKM_GENERIC_SECRET_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 1<<40)}, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"its value", pkcs11.CKM_AES_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE, random(16))}, pkcs11.CKR_ATTRIBUTE_READ_ONLY},
		{"another class", pkcs11.CKM_AES_KEY_GEN, []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE_LEN, 16), attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA)}, pkcs11.CKR_TEMPLATE_INCONSISTENT},
		{"a mechanism that signs", pkcs11.CKM_SHA256_HMAC, nil, pkcs11.CKR_MECHANISM_INVALID},
	} {
		_, err := g.GenerateKey(g.s, plain(c.mech), c.template)
		wants(t, c.name, err, c.code)
	}
}

package token_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
	"github.com/epsbench/epsbench/emulator/token"
)

// A value that is made twice is one key, whatever objects it had in between (Delaune,
// Kremer, Steel 2010, experiments 3 and 4; Tookan's a3). Each row gives a value two
// usages that conflict; its last step must be refused.
func TestOneValueIsOneKey(t *testing.T) {
	for name, last := range map[string]func(g *ground) error{
		"unwrapped twice": func(g *ground) error {
			by := g.create(aesOf(random(16), cU))
			blob := g.blob(by)
			g.must(g.unwrap(by, blob, cW))
			return second(g.unwrap(by, blob, cD))
		},
		"unwrapped twice, the first gone meanwhile": func(g *ground) error {
			by := g.create(aesOf(random(16), cU))
			blob := g.blob(by)
			check(g.t, g.DestroyObject(g.s, g.must(g.unwrap(by, blob, cU))))
			return second(g.unwrap(by, blob, cE))
		},
		"unwrapped under two keys": func(g *ground) error {
			one, other, value := random(16), random(16), random(32)
			g.must(g.unwrap(g.create(aesOf(one, cU)), wrapped(one, value), cW))
			return second(g.unwrap(g.create(aesOf(other, cU)), wrapped(other, value), cD))
		},
		"unwrapped twice, the usage given later": func(g *ground) error {
			by := g.create(aesOf(random(16), cU))
			blob := g.blob(by)
			g.must(g.unwrap(by, blob, cW))
			return g.SetAttributeValue(g.s, g.must(g.unwrap(by, blob)), []*pkcs11.Attribute{attr(cD, true)})
		},
		"derived twice": func(g *ground) error {
			base, data := g.create(aesOf(random(16), cDrv)), random(16)
			g.must(g.derive(base, data, child(pkcs11.CKK_AES, 16, cW)...))
			return second(g.derive(base, data, child(pkcs11.CKK_AES, 16, cD)...))
		},
		"drawn here, wrapped and unwrapped": func(g *ground) error {
			by, key := g.create(aesOf(random(16), cW, cU)), g.drawn(cW, pkcs11.CKA_EXTRACTABLE)
			blob, err := g.WrapKey(g.s, kw, by, key)
			check(g.t, err)
			return second(g.unwrap(by, blob, cD))
		},
		"drawn here, wrapped, unwrapped, and the first gains a usage": func(g *ground) error {
			by, key := g.create(aesOf(random(16), cW, cU)), g.drawn(pkcs11.CKA_EXTRACTABLE)
			blob, err := g.WrapKey(g.s, kw, by, key)
			check(g.t, err)
			g.must(g.unwrap(by, blob, cD))
			return g.SetAttributeValue(g.s, key, []*pkcs11.Attribute{attr(cW, true)})
		},
		"given in clear, and unwrapped": func(g *ground) error {
			value, by := random(32), random(16)
			g.create(aesOf(value, cW))
			return second(g.unwrap(g.create(aesOf(by, cU)), wrapped(by, value), cD))
		},
		"a private key that leaves and comes back": func(g *ground) error {
			by := g.create(aesOf(random(16), cW, cU))
			_, private := g.rsaPair(on(cW), on(pkcs11.CKA_EXTRACTABLE))
			blob, err := g.WrapKey(g.s, plain(mechanism.CKM_AES_KEY_WRAP_KWP), by, private)
			check(g.t, err)
			return second(g.UnwrapKey(g.s, plain(mechanism.CKM_AES_KEY_WRAP_KWP), by, blob, []*pkcs11.Attribute{
				attr(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA), attr(cD, true)}))
		},
		"a public half that is given again, to wrap": func(g *ground) error {
			public, _ := g.rsaPair(nil, on(cD))
			return second(g.publicAgain(public, cW))
		},
	} {
		wants(t, name, last(memoryToken(t)), pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
}

// What does not conflict may be made as often as one likes, and who gives a key in clear
// learns nothing by giving it twice.
func TestOneValueMayBeManyObjects(t *testing.T) {
	g := memoryToken(t)
	by, value := g.create(aesOf(random(16), cU)), random(32)
	blob := g.blob(by)
	for _, usages := range [][]uint{{cW}, {cU}, {cW, cU}, {}, {cS}} {
		wants(t, "unwrapped again", second(g.unwrap(by, blob, usages...)), 0)
	}
	for _, usages := range [][]uint{{cW}, {cD}, {cU}, {cE}} {
		wants(t, "given again", second(g.CreateObject(g.s, aesOf(value, usages...))), 0)
	}
	base, data := g.create(aesOf(random(16), cDrv)), random(16)
	wants(t, "derived", second(g.derive(base, data, child(pkcs11.CKK_AES, 16, cE, cD)...)), 0)
	wants(t, "derived again", second(g.derive(base, data, child(pkcs11.CKK_AES, 16, cE, cD)...)), 0)
	wants(t, "derived otherwise", second(g.derive(base, random(16), child(pkcs11.CKK_AES, 16, cW)...)), 0)
}

// The past is known to other processes, to later ones, and after SIGKILL within a record;
// not to the token that is made of it anew.
func TestThePastIsKept(t *testing.T) {
	dir, value, by := t.TempDir(), random(32), random(16)
	unwrap := func(g *ground, usage uint) error {
		return second(g.unwrap(g.create(aesOf(by, cU)), wrapped(by, value), usage))
	}
	first, beside := directoryToken(t, dir), directoryToken(t, dir)
	check(t, unwrap(first, cW))
	wants(t, "in another process", unwrap(beside, cD), pkcs11.CKR_TEMPLATE_INCONSISTENT)
	check(t, first.Logout(first.s))
	check(t, first.Login(first.s, pkcs11.CKU_SO, soPIN))
	check(t, first.Logout(first.s))
	check(t, first.Login(first.s, pkcs11.CKU_USER, userPIN))
	wants(t, "after another login", unwrap(first, cD), pkcs11.CKR_TEMPLATE_INCONSISTENT)
	first.Destroy()
	beside.Destroy()

	f, err := os.OpenFile(filepath.Join(dir, "slot0", "past"), os.O_WRONLY|os.O_APPEND, 0)
	check(t, err)
	_, err = f.Write([]byte{1, 2, 3})
	check(t, err)
	check(t, f.Close())
	value = random(32)
	check(t, unwrap(directoryToken(t, dir), cU))
	wants(t, "in a later process", unwrap(directoryToken(t, dir), cE), pkcs11.CKR_TEMPLATE_INCONSISTENT)

	m := open(t, dir)
	check(t, m.Initialize())
	check(t, m.InitToken(0, soPIN, "test"))
	if _, err := os.Stat(filepath.Join(dir, "slot0", "past")); !os.IsNotExist(err) {
		t.Errorf("after C_InitToken: %v", err)
	}
}

// What a process has made before the first login, it remembers after it; and after another
// has initialised the token anew, while its session objects live on.
func TestThePastOutlivesLogins(t *testing.T) {
	free := off(pkcs11.CKA_PRIVATE)
	childOf := func(usage uint) []*pkcs11.Attribute {
		return append(on(usage, pkcs11.CKA_SENSITIVE), free, attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES), attr(pkcs11.CKA_VALUE_LEN, 16))
	}
	for _, dir := range []string{"", t.TempDir()} {
		m, err := token.New(token.Config{Dir: dir, Label: "test", SOPIN: soPIN, UserPIN: userPIN, PINCost: 4})
		check(t, err)
		check(t, m.Initialize())
		g := &ground{Module: m, t: t}
		g.s = g.session()
		base := g.must(g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(on(cDrv, pkcs11.CKA_SENSITIVE), free, attr(pkcs11.CKA_VALUE_LEN, 32))))
		_, private := g.rsaPair([]*pkcs11.Attribute{free}, append(on(cS), free))
		data := random(16)
		g.must(g.derive(base, data, childOf(cW)...))
		check(t, g.SignInit(g.s, plain(pkcs11.CKM_RSA_X_509), private))
		check(t, g.Login(g.s, pkcs11.CKU_USER, userPIN))
		wants(t, "derived after the login", second(g.derive(base, data, childOf(cD)...)), pkcs11.CKR_TEMPLATE_INCONSISTENT)
		wants(t, "UNWRAP after the login", g.SetAttributeValue(g.s, private, on(cU)), pkcs11.CKR_TEMPLATE_INCONSISTENT)
		if dir == "" {
			continue
		}
		other := open(t, dir)
		check(t, other.Initialize())
		check(t, other.InitToken(0, soPIN, "test"))
		g.find()
		wants(t, "derived after C_InitToken elsewhere", second(g.derive(base, data, childOf(cD)...)), pkcs11.CKR_TEMPLATE_INCONSISTENT)
		m.Destroy()
	}
}

// A file of the past that no token has written is not taken for one.
func TestAStrangePastIsRefused(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	strange := binary.BigEndian.AppendUint32(make([]byte, 8), 1)
	check(t, os.WriteFile(filepath.Join(dir, "slot0", "past"), strange, 0o600))
	wants(t, "a key that wraps", second(g.CreateObject(g.s, aesOf(key16, cW))), pkcs11.CKR_DEVICE_ERROR)
	wants(t, "a key that signs", second(g.CreateObject(g.s, genericOf(key16, cS))), 0)
}

func FuzzPast(f *testing.F) {
	f.Add(binary.BigEndian.AppendUint32(make([]byte, 8), token.Wrap))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, records []byte) {
		read, values, err := token.TakeIn(records)
		if err == nil && (read != len(records)/12*12 || values > read/12) {
			t.Errorf("of %d bytes %d are read, as %d values", len(records), read, values)
		}
	})
}

func (g *ground) must(h pkcs11.ObjectHandle, err error) pkcs11.ObjectHandle {
	g.t.Helper()
	check(g.t, err)
	return h
}

// blob is a key that nobody has, under a key that has only UNWRAP.
func (g *ground) blob(by pkcs11.ObjectHandle) []byte {
	g.t.Helper()
	value, err := g.read(by, pkcs11.CKA_VALUE)
	check(g.t, err)
	return wrapped(value, random(32))
}

func (g *ground) unwrap(by pkcs11.ObjectHandle, blob []byte, usages ...uint) (pkcs11.ObjectHandle, error) {
	return g.UnwrapKey(g.s, kw, by, blob, unwrapped(pkcs11.CKK_AES, usages...))
}

func (g *ground) drawn(set ...uint) pkcs11.ObjectHandle {
	g.t.Helper()
	return g.must(g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(on(set...), attr(pkcs11.CKA_VALUE_LEN, 32))))
}

// publicAgain gives the public half of a pair in clear.
func (g *ground) publicAgain(public pkcs11.ObjectHandle, usages ...uint) (pkcs11.ObjectHandle, error) {
	n, err := g.read(public, pkcs11.CKA_MODULUS)
	check(g.t, err)
	return g.CreateObject(g.s, append(on(usages...), attr(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
		attr(pkcs11.CKA_MODULUS, n), attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})))
}

package token_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/token"
)

const goroutines = 64

// together runs f in as many goroutines, each with a session of its own, and
// waits for them. What f panics with, or reports, fails the test.
func together(g *ground, f func(own *ground, n int) error) {
	g.t.Helper()
	var wg sync.WaitGroup
	for n := range goroutines {
		wg.Go(func() {
			s, err := g.OpenSession(g.slot, rw)
			if err == nil {
				err = f(&ground{Module: g.Module, t: g.t, slot: g.slot, s: s}, n)
			}
			if err != nil {
				g.t.Errorf("goroutine %d: %v", n, err)
			}
		})
	}
	wg.Wait()
}

// shared are keys that every session uses.
type shared struct{ mac, derive, cbc, wrap, private, public pkcs11.ObjectHandle }

func (g *ground) shared() shared {
	g.t.Helper()
	public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN), []*pkcs11.Attribute{bits1024, attr(cW, true)}, on(cU))
	check(g.t, err)
	return shared{
		mac:    g.create(genericOf(key32, cS, pkcs11.CKA_TOKEN)),
		derive: g.create(aesOf(key32, cDrv)),
		cbc:    g.create(aesOf(key32, cE, cD)),
		wrap:   g.create(aesOf(key32, cW, cU)),
		public: public, private: private,
	}
}

// Every session gets its own results, whatever the others do with the same keys.
func TestManySessionsAtOnce(t *testing.T) {
	for name, g := range map[string]*ground{"memory": memoryToken(t), "directory": directoryToken(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			keys := g.shared()
			together(g, func(own *ground, n int) error {
				for i := range 20 {
					if err := own.everyUse(keys, fmt.Appendf(nil, "%8d%8d", n, i)); err != nil {
						return err
					}
				}
				return own.objectOfOwn(fmt.Sprint(n), name == "directory" && n%16 == 0)
			})
		})
	}
}

// everyUse uses each shared key and compares the results with Go's.
func (g *ground) everyUse(keys shared, message []byte) error {
	if err := g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), keys.mac); err != nil {
		return err
	}
	want := hmac.New(sha256.New, key32)
	want.Write(message)
	if mac, err := g.Sign(g.s, message); err != nil || !bytes.Equal(mac, want.Sum(nil)) {
		return fmt.Errorf("HMAC %x, %w", mac, err)
	}
	iv := with(pkcs11.CKM_AES_CBC, message)
	if err := g.EncryptInit(g.s, iv, keys.cbc); err != nil {
		return err
	}
	sealed, err := g.Encrypt(g.s, message)
	if err != nil {
		return err
	}
	if err := g.DecryptInit(g.s, iv, keys.cbc); err != nil {
		return err
	}
	if back, err := g.Decrypt(g.s, sealed); err != nil || !bytes.Equal(back, message) {
		return fmt.Errorf("CBC gave %q, %w", back, err)
	}
	return g.childOf(keys, message)
}

// childOf derives a key, moves it under two wrappings and looks at its value.
func (g *ground) childOf(keys shared, message []byte) error {
	key, err := g.derive(keys.derive, message, child(pkcs11.CKK_GENERIC_SECRET, 16)...)
	if err != nil {
		return err
	}
	want := goECB(key32, message)
	oaep := oaepOf(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, nil)
	for _, way := range []struct {
		m            []*pkcs11.Mechanism
		wrap, unwrap pkcs11.ObjectHandle
	}{{kw, keys.wrap, keys.wrap}, {oaep, keys.public, keys.private}} {
		blob, err := g.WrapKey(g.s, way.m, way.wrap, key)
		if err != nil {
			return err
		}
		moved, err := g.UnwrapKey(g.s, way.m, way.unwrap, blob, unwrapped(pkcs11.CKK_GENERIC_SECRET))
		if err != nil {
			return err
		}
		if v, err := g.read(moved, pkcs11.CKA_VALUE); err != nil || !bytes.Equal(v, want) {
			return fmt.Errorf("derived %x, %w", v, err)
		}
		if err := g.DestroyObject(g.s, moved); err != nil {
			return err
		}
	}
	return g.DestroyObject(g.s, key)
}

// objectOfOwn makes an object, finds it, renames it, and destroys it.
func (g *ground) objectOfOwn(label string, stored bool) error {
	h, err := g.CreateObject(g.s, append(but(aesOf(key16), attr(pkcs11.CKA_TOKEN, stored)), attr(pkcs11.CKA_LABEL, "before "+label)))
	if err != nil {
		return err
	}
	if err := g.SetAttributeValue(g.s, h, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, label)}); err != nil {
		return err
	}
	if err := g.FindObjectsInit(g.s, []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, label)}); err != nil {
		return err
	}
	found, _, err := g.FindObjects(g.s, 10)
	if err != nil || len(found) != 1 || found[0] != h {
		return fmt.Errorf("found %v, want %v, %w", found, h, err)
	}
	if err := g.FindObjectsFinal(g.s); err != nil {
		return err
	}
	return g.DestroyObject(g.s, h)
}

func goECB(key, data []byte) []byte {
	out := bytes.Clone(data)
	blockOf(key).Encrypt(out, out)
	return out
}

// understood are answers that a call may get when others log out, close its
// session or destroy its objects.
var understood = map[string]bool{"CKR_OK": true, "CKR_SESSION_HANDLE_INVALID": true, "CKR_USER_NOT_LOGGED_IN": true,
	"CKR_USER_ALREADY_LOGGED_IN": true, "CKR_OBJECT_HANDLE_INVALID": true, "CKR_KEY_HANDLE_INVALID": true, "CKR_OPERATION_NOT_INITIALIZED": true,
	"CKR_OPERATION_ACTIVE": true, "CKR_UNWRAPPING_KEY_HANDLE_INVALID": true, "CKR_ATTRIBUTE_READ_ONLY": true, "CKR_ACTION_PROHIBITED": true}

// Everybody does everything to the same few objects, and logs in and out
// meanwhile. No call may end in another way than it can, and nothing be left.
func TestStorm(t *testing.T) {
	m := open(t, t.TempDir())
	g := loggedIn(t, m)
	// After a logout it has another handle, so that it must defend itself.
	stay := g.create(append(genericOf(key32, cS, pkcs11.CKA_TOKEN), attr(pkcs11.CKA_LABEL, "stays"), off(pkcs11.CKA_MODIFIABLE), off(pkcs11.CKA_DESTROYABLE)))
	together(g, func(own *ground, n int) error {
		r := rand.New(rand.NewPCG(uint64(n), 0))
		for range 60 {
			if err := own.anything(r, stay); !understood[says(err)] {
				return err
			}
		}
		return nil
	})
	check(t, g.CloseAllSessions(0))
	if s, o, e := m.Held(); s != 0 || o != 0 || e != 0 {
		t.Errorf("left: %d sessions, %d objects, %d entries", s, o, e)
	}
	g = &ground{Module: m, t: t}
	g.s = g.session()
	check(t, loginUser(g))
	if found := g.find(); len(found) != 1 || len(g.find(attr(pkcs11.CKA_LABEL, "stays"))) != 1 {
		t.Errorf("found %v", found)
	}
}

// anything is one call of many, on objects that others have too.
func (g *ground) anything(r *rand.Rand, stay pkcs11.ObjectHandle) error {
	some := stay + pkcs11.ObjectHandle(r.IntN(40))
	label := []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, fmt.Sprint("label ", r.IntN(3)))}
	switch r.IntN(12) {
	case 0:
		return loginUser(g)
	case 1:
		if r.IntN(4) > 0 {
			return nil
		}
		return g.Logout(g.s)
	case 2:
		return g.DestroyObject(g.s, some)
	case 3:
		return g.SetAttributeValue(g.s, some, label)
	case 4:
		return second(g.read(some, pkcs11.CKA_LABEL))
	case 5:
		if err := g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), stay); err != nil {
			return err
		}
		return second(g.Sign(g.s, key16))
	case 6:
		if err := g.FindObjectsInit(g.s, label); err != nil {
			return err
		}
		if _, _, err := g.FindObjects(g.s, 5); err != nil {
			return err
		}
		return g.FindObjectsFinal(g.s)
	case 7:
		g.CloseSession(g.s)
		s, err := g.OpenSession(g.slot, rw)
		g.s = s
		return err
	case 8:
		return second(g.CopyObject(g.s, some, []*pkcs11.Attribute{off(pkcs11.CKA_TOKEN), label[0]}))
	}
	return second(g.CreateObject(g.s, append(genericOf(key32, cS), label...)))
}

// A token may be initialised anew by another process at any moment of a call:
// the new token must be whole, and none of the old key in it.
func TestInitTokenDuringACall(t *testing.T) {
	for _, c := range []struct {
		name string
		call func(g *ground) error
	}{
		{"C_SetPIN", func(g *ground) error { return g.SetPIN(g.s, userPIN, "222222") }},
		{"C_Login", func(g *ground) error { check(g.t, logout(g)); return loginUser(g) }},
		{"C_CreateObject", func(g *ground) error { return second(g.CreateObject(g.s, tokenKey)) }},
		{"C_GenerateKey", func(g *ground) error {
			return second(g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(stated(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_VALUE_LEN, 16))))
		}},
	} {
		for nth := 1; nth <= 4; nth++ {
			dir := t.TempDir()
			m, other := open(t, dir), open(t, dir)
			g := loggedIn(t, m)
			m.BeforeLock(nth, func() { initAnew(t, other) })
			c.call(g) // which may fail: what matters is what it leaves
			if s, _, _ := other.Held(); s == 0 {
				initAnew(t, other) // it took fewer locks
			}
			checkWhole(t, fmt.Sprintf("%s, lock %d", c.name, nth), dir, other)
		}
	}
}

const newPIN = "333333"

func initAnew(t *testing.T, m *token.Token) {
	t.Helper()
	check(t, m.Initialize())
	check(t, m.InitToken(0, soPIN, "anew"))
	s, err := m.OpenSession(0, rw)
	check(t, err)
	check(t, m.Login(s, pkcs11.CKU_SO, soPIN))
	check(t, m.InitPIN(s, newPIN))
	check(t, m.Logout(s))
	check(t, m.Login(s, pkcs11.CKU_USER, newPIN))
	_, err = m.CreateObject(s, append(but(tokenKey), attr(pkcs11.CKA_LABEL, "new")))
	check(t, err)
}

// checkWhole opens the token as a third process, with the PIN that initAnew set.
func checkWhole(t *testing.T, what, dir string, other *token.Token) {
	t.Helper()
	other.Destroy()
	m := open(t, dir, "anew")
	check(t, m.Initialize())
	g := &ground{Module: m, t: t}
	g.s = g.session()
	if err := g.Login(g.s, pkcs11.CKU_USER, newPIN); err != nil {
		t.Errorf("%s: the new PIN: %v", what, err)
		return
	}
	if found := g.find(); len(found) != 1 || len(g.find(attr(pkcs11.CKA_LABEL, "new"))) != 1 {
		t.Errorf("%s: found %v", what, found)
	}
}

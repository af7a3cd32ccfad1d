package token_test

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

const (
	soPIN   = "87654321"
	userPIN = "123456"
	rw      = pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION
	ro      = pkcs11.CKF_SERIAL_SESSION
)

// ground is a module with a user logged in on the session s.
type ground struct {
	cryptoki.Module
	t    testing.TB
	slot uint
	s    pkcs11.SessionHandle
}

// memoryToken is a fresh token in memory.
func memoryToken(t testing.TB) *ground {
	t.Helper()
	m, err := token.New(token.Config{Label: "test", SOPIN: soPIN, UserPIN: userPIN})
	check(t, err)
	return loggedIn(t, m)
}

// directoryToken is the token in dir, made where it is not there yet.
func directoryToken(t testing.TB, dir string) *ground {
	t.Helper()
	return loggedIn(t, open(t, dir))
}

// open opens the token in dir, made where it is not there yet, by its label:
// "test" unless named.
func open(t testing.TB, dir string, label ...string) *token.Token {
	t.Helper()
	m, err := token.New(token.Config{Dir: dir, Label: append(label, "test")[0], SOPIN: soPIN, UserPIN: userPIN, PINCost: 4})
	check(t, err)
	t.Cleanup(m.Destroy)
	return m
}

func loggedIn(t testing.TB, m cryptoki.Module) *ground {
	t.Helper()
	check(t, m.Initialize())
	g := &ground{Module: m, t: t}
	g.s = g.session()
	check(t, m.Login(g.s, pkcs11.CKU_USER, userPIN))
	return g
}

func (g *ground) session() pkcs11.SessionHandle {
	g.t.Helper()
	s, err := g.OpenSession(g.slot, rw)
	check(g.t, err)
	return s
}

func (g *ground) create(template []*pkcs11.Attribute) pkcs11.ObjectHandle {
	g.t.Helper()
	h, err := g.CreateObject(g.s, template)
	check(g.t, err)
	return h
}

// read gives one attribute, or the error of reading it.
func (g *ground) read(h pkcs11.ObjectHandle, typ uint) ([]byte, error) {
	a, err := g.GetAttributeValue(g.s, h, []*pkcs11.Attribute{{Type: typ}})
	if err != nil {
		return nil, err
	}
	return a[0].Value, nil
}

func (g *ground) find(template ...*pkcs11.Attribute) []pkcs11.ObjectHandle {
	g.t.Helper()
	check(g.t, g.FindObjectsInit(g.s, template))
	defer func() { check(g.t, g.FindObjectsFinal(g.s)) }()
	found, _, err := g.FindObjects(g.s, 1000)
	check(g.t, err)
	return found
}

func attr(typ uint, v any) *pkcs11.Attribute { return pkcs11.NewAttribute(typ, v) }

// on names booleans that are true.
func on(types ...uint) []*pkcs11.Attribute {
	var out []*pkcs11.Attribute
	for _, typ := range types {
		out = append(out, attr(typ, true))
	}
	return out
}

func plain(mechanism uint) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
}

func secretKey(keyType uint, value []byte, more []*pkcs11.Attribute) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{
		attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		attr(pkcs11.CKA_KEY_TYPE, keyType),
		attr(pkcs11.CKA_VALUE, value),
	}, more...)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails unless err is the return value code; 0 wants success.
func wants(t testing.TB, what string, err error, code uint) {
	t.Helper()
	if code == pkcs11.CKR_OK && err == nil {
		return
	}
	if !errors.Is(err, pkcs11.Error(code)) {
		t.Errorf("%s: got %v, want %v", what, err, pkcs11.Error(code))
	}
}

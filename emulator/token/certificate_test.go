package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/miekg/pkcs11"
)

// certified is a template for an X.509 certificate, as p11tool --write makes it, and the
// certificate.
func certified(t *testing.T, more ...*pkcs11.Attribute) ([]*pkcs11.Attribute, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "token"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	check(t, err)
	c, err = x509.ParseCertificate(der)
	check(t, err)
	serial, err := asn1.Marshal(c.SerialNumber)
	check(t, err)
	return append([]*pkcs11.Attribute{
		attr(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), attr(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509),
		attr(pkcs11.CKA_ID, "id"), attr(pkcs11.CKA_LABEL, "certificate"), attr(pkcs11.CKA_TOKEN, true), attr(pkcs11.CKA_VALUE, der),
		attr(pkcs11.CKA_SUBJECT, c.RawSubject), attr(pkcs11.CKA_ISSUER, c.RawIssuer), attr(pkcs11.CKA_SERIAL_NUMBER, serial),
	}, more...), der
}

// A certificate in a directory is there for everybody, before a login and after a restart.
func TestACertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	g := directoryToken(t, dir)
	template, der := certified(t)
	g.create(template)
	g.Destroy()

	m := open(t, dir)
	check(t, m.Initialize())
	g = &ground{Module: m, t: t}
	g.s = g.session()
	found := g.find(template...)
	if len(found) != 1 {
		t.Fatalf("found %d certificates", len(found))
	}
	sum := sha1.Sum(der)
	for typ, want := range map[uint][]byte{
		pkcs11.CKA_VALUE: der, pkcs11.CKA_CHECK_VALUE: sum[:3], pkcs11.CKA_PRIVATE: {0}, pkcs11.CKA_TRUSTED: {0},
		pkcs11.CKA_CERTIFICATE_CATEGORY: make([]byte, 8), pkcs11.CKA_START_DATE: {}, pkcs11.CKA_PUBLIC_KEY_INFO: {},
	} {
		if v, err := g.read(found[0], typ); err != nil || !bytes.Equal(v, want) {
			t.Errorf("attribute %#x is %x, %v, want %x", typ, v, err, want)
		}
	}
	_, err := g.read(found[0], pkcs11.CKA_KEY_TYPE)
	wants(t, "an attribute of keys", err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
	wants(t, "a key it is not", g.VerifyInit(g.s, plain(pkcs11.CKM_SHA256_RSA_PKCS), found[0]), pkcs11.CKR_KEY_TYPE_INCONSISTENT)
	check(t, loginUser(g))
	wants(t, "another value", g.SetAttributeValue(g.s, found[0], []*pkcs11.Attribute{attr(pkcs11.CKA_VALUE, "other")}), pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	wants(t, "another id (v2.40 §4.6.3)", g.SetAttributeValue(g.s, found[0], []*pkcs11.Attribute{attr(pkcs11.CKA_ID, "other")}), pkcs11.CKR_OK)
	check(t, g.DestroyObject(g.s, found[0]))
}

// What a certificate must have, and what it must not claim.
func TestTemplatesOfCertificates(t *testing.T) {
	g := memoryToken(t)
	whole, _ := certified(t)
	for _, c := range []struct {
		what string
		with []*pkcs11.Attribute
		want uint
	}{
		{"whole", whole, pkcs11.CKR_OK},
		{"no value", but(whole, attr(pkcs11.CKA_VALUE, "")), pkcs11.CKR_TEMPLATE_INCOMPLETE},
		{"no subject", but(whole, attr(pkcs11.CKA_SUBJECT, "")), pkcs11.CKR_TEMPLATE_INCOMPLETE},
		{"an attribute certificate", but(whole, attr(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509_ATTR_CERT)), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"no category of the standard", append(whole, attr(pkcs11.CKA_CERTIFICATE_CATEGORY, 4)), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"another check value", append(whole, attr(pkcs11.CKA_CHECK_VALUE, "abc")), pkcs11.CKR_ATTRIBUTE_VALUE_INVALID},
		{"trusted, by the user", append(whole, attr(pkcs11.CKA_TRUSTED, true)), pkcs11.CKR_ATTRIBUTE_READ_ONLY},
		{"a usage", append(whole, attr(pkcs11.CKA_SIGN, true)), pkcs11.CKR_ATTRIBUTE_TYPE_INVALID},
	} {
		wants(t, c.what, second(g.CreateObject(g.s, c.with)), c.want)
	}
	check(t, logout(g))
	check(t, loginSO(g))
	wants(t, "trusted, by the security officer", second(g.CreateObject(g.s, append(whole, attr(pkcs11.CKA_TRUSTED, true)))), pkcs11.CKR_OK)
}

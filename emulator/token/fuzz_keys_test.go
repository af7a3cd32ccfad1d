package token

import (
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// fuzzedCurves has a curve of each key type, by its OID, and how a pair on it is made.
var fuzzedCurves = []struct {
	keyType, generate uint
	params            string
}{
	{pkcs11.CKK_EC, pkcs11.CKM_EC_KEY_PAIR_GEN, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"},
	{mechanism.CKK_EC_EDWARDS, mechanism.CKM_EC_EDWARDS_KEY_PAIR_GEN, "\x06\x03\x2b\x65\x70"},
	{mechanism.CKK_EC_MONTGOMERY, mechanism.CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "\x06\x03\x2b\x65\x6e"},
}

// addCurveKeys adds a pair on each of them, with every usage that it may have.
func addCurveKeys(t *testing.T, m *Token, s pkcs11.SessionHandle) {
	t.Helper()
	for _, c := range fuzzedCurves {
		_, _, err := m.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(c.generate, nil)},
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, c.params), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true)},
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// fuzzedPair is made once: an RSA key takes longer than all the calls of a tape.
var fuzzedPair = sync.OnceValues(func() (*mechanism.Key, error) { return mechanism.NewPair(1024, nil) })

// addRSAKeys adds both halves of a pair, with the usages that may be together.
func addRSAKeys(t *testing.T, m *Token, s pkcs11.SessionHandle) {
	t.Helper()
	k, err := fuzzedPair()
	if err != nil {
		t.Fatal(err)
	}
	p := k.Private()
	for class, more := range map[uint][]*pkcs11.Attribute{
		pkcs11.CKO_PUBLIC_KEY: {pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_VERIFY_RECOVER, true), pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true)},
		pkcs11.CKO_PRIVATE_KEY: {pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN_RECOVER, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE_EXPONENT, p.D.Bytes()),
			pkcs11.NewAttribute(pkcs11.CKA_PRIME_1, p.Primes[0].Bytes()), pkcs11.NewAttribute(pkcs11.CKA_PRIME_2, p.Primes[1].Bytes())},
	} {
		template := append([]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS, p.N.Bytes()), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})}, more...)
		if _, err := m.CreateObject(s, template); err != nil {
			t.Fatal(err)
		}
	}
}

package token

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/mechanism"
)

// tape is what a fuzzer feeds, read as arguments of calls. It never ends: after the last
// byte come zeros.
type tape struct {
	rest []byte
	pin  runtime.Pinner
}

func (p *tape) number() int {
	if len(p.rest) == 0 {
		return 0
	}
	n := p.rest[0]
	p.rest = p.rest[1:]
	return int(n)
}

func (p *tape) bytes(most int) []byte {
	n := min(p.number()%(most+1), len(p.rest))
	out := p.rest[:n:n]
	p.rest = p.rest[n:]
	return out
}

func (p *tape) handle() pkcs11.ObjectHandle { return pkcs11.ObjectHandle(p.number() % 16) }

func (p *tape) template() []*pkcs11.Attribute { return templateFrom(p.bytes(96), &p.pin) }

// mechanism is any of the table, with a parameter of a length that holds no pointer (C,
// too, can only trust those) or with data to derive from.
func (p *tape) mechanism() []*pkcs11.Mechanism {
	all := mechanism.Legacy.List()
	m := all[p.number()%len(all)]
	switch n := p.number(); {
	case n == 0:
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)}
	case !mechanism.Legacy.Lookup(m).Can(mechanism.Derive):
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, p.bytes(24))}
	case n%2 == 0:
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, cryptoki.PinDerivationData(&p.pin, p.bytes(64)))}
	}
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, p.bytes(12))}
}

func only[T any](_ T, err error) error { return err }

// fuzzed are the calls that a tape makes. C_GenerateKeyPair is left out: making an RSA key
// takes longer than a fuzzer waits, and FuzzTemplate feeds its templates.
var fuzzed = []func(t *Token, s pkcs11.SessionHandle, p *tape) error{
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.CreateObject(s, p.template()))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.GenerateKey(s, p.mechanism(), p.template()))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.CopyObject(s, p.handle(), p.template()))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.SetAttributeValue(s, p.handle(), p.template())
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.AttributeValues(s, p.handle(), Attributes()))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.GetObjectSize(s, p.handle())) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.DestroyObject(s, p.handle()) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.FindObjectsInit(s, p.template()) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		_, _, err := t.FindObjects(s, p.number()-1)
		return err
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.EncryptInit(s, p.mechanism(), p.handle())
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.DecryptInit(s, p.mechanism(), p.handle())
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.SignInit(s, p.mechanism(), p.handle())
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.VerifyInit(s, p.mechanism(), p.handle())
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.DigestInit(s, p.mechanism()) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.Encrypt(s, p.bytes(64))) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.EncryptUpdate(s, p.bytes(64))) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.EncryptFinal(s)) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.Decrypt(s, p.bytes(64))) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.DecryptUpdate(s, p.bytes(64))) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.DecryptFinal(s)) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.Sign(s, p.bytes(64))) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.SignUpdate(s, p.bytes(64)) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.SignFinal(s)) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.Verify(s, p.bytes(64), p.bytes(64))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.VerifyFinal(s, p.bytes(64)) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.SignRecoverInit(s, p.mechanism(), p.handle())
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.SignRecover(s, p.bytes(64))) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.VerifyRecoverInit(s, p.mechanism(), p.handle())
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.VerifyRecover(s, p.bytes(64))) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.DigestUpdate(s, p.bytes(64)) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.DigestKey(s, p.handle()) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return only(t.DigestFinal(s)) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.DigestEncryptUpdate(s, p.bytes(64)))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.DecryptDigestUpdate(s, p.bytes(64)))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.SignEncryptUpdate(s, p.bytes(64)))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.DecryptVerifyUpdate(s, p.bytes(64)))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.WrapKey(s, p.mechanism(), p.handle(), p.handle()))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.UnwrapKey(s, p.mechanism(), p.handle(), p.bytes(64), p.template()))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return only(t.DeriveKey(s, p.mechanism(), p.handle(), p.template()))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.SessionCancel(s, uint(p.number())<<8) },
	func(t *Token, s pkcs11.SessionHandle, p *tape) error {
		return t.LoginUser(s, uint(p.number()%4), string(p.bytes(8)), string(p.bytes(1)))
	},
	func(t *Token, s pkcs11.SessionHandle, p *tape) error { return t.Logout(s) },
}

// FuzzCalls makes any calls in any order, with arguments that are mostly wrong. Each
// answers with a return value of PKCS #11, and afterwards the token still works.
func FuzzCalls(f *testing.F) {
	for i := range fuzzed {
		f.Add([]byte{byte(i), 1, 2, 3, 4, byte(i), 5, 6, 7, 8})
	}
	f.Fuzz(func(t *testing.T, calls []byte) {
		m, s := fuzzedToken(t)
		p := &tape{rest: calls}
		defer p.pin.Unpin()
		for len(p.rest) > 0 {
			n := p.number() % len(fuzzed)
			err := fuzzed[n](m, s, p)
			if code := rv(0); err != nil && !errors.As(err, &code) {
				t.Fatalf("call %d: %v is no return value", n, err)
			}
		}
		if _, err := m.GenerateRandom(s, 1); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// fuzzedToken has keys with every usage that a key may have, under low handles.
func fuzzedToken(t *testing.T) (*Token, pkcs11.SessionHandle) {
	t.Helper()
	m, err := New(Config{Label: "fuzzed", SOPIN: "87654321", UserPIN: "123456", Legacy: true})
	if err != nil {
		t.Fatal(err)
	}
	m.Initialize()
	s, _ := m.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err := m.Login(s, pkcs11.CKU_USER, "123456"); err != nil {
		t.Fatal(err)
	}
	for _, usages := range [][]uint{{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY, pkcs11.CKA_DERIVE}, {pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP}} {
		for _, kind := range []struct {
			keyType uint
			size    int
		}{{pkcs11.CKK_AES, 32}, {pkcs11.CKK_GENERIC_SECRET, 20}, {pkcs11.CKK_DES3, 24}} {
			template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind.keyType),
				pkcs11.NewAttribute(pkcs11.CKA_VALUE, make([]byte, kind.size)), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)}
			for _, u := range usages {
				template = append(template, pkcs11.NewAttribute(u, true))
			}
			if _, err := m.CreateObject(s, template); err != nil {
				t.Fatal(err)
			}
		}
	}
	addCurveKeys(t, m, s)
	addRSAKeys(t, m, s)
	return m, s
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

// addCurveKeys adds a pair on each kind of curve, with every usage that it may have.
func addCurveKeys(t *testing.T, m *Token, s pkcs11.SessionHandle) {
	t.Helper()
	for mech, params := range map[uint]string{pkcs11.CKM_EC_KEY_PAIR_GEN: "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
		mechanism.CKM_EC_EDWARDS_KEY_PAIR_GEN: "\x06\x03\x2b\x65\x70", mechanism.CKM_EC_MONTGOMERY_KEY_PAIR_GEN: "\x06\x03\x2b\x65\x6e"} {
		_, _, err := m.GenerateKeyPair(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(mech, nil)},
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true)},
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)})
		if err != nil {
			t.Fatal(err)
		}
	}
}

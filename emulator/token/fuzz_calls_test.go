package token

import (
	"crypto/ecdh"
	"errors"
	"runtime"
	"slices"
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
// too, can only trust those), with data to derive from, or with a public key.
func (p *tape) mechanism() []*pkcs11.Mechanism {
	all := mechanism.Legacy.List()
	m := all[p.number()%len(all)]
	switch n := p.number(); {
	case n == 0:
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, nil)}
	case !mechanism.Legacy.Lookup(m).Can(mechanism.Derive):
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, p.bytes(24))}
	case n%4 == 1: // to agree with whoever has 1 for a private key on P-256, or with nobody
		public := p.bytes(70)
		if len(public) == 0 {
			k, _ := ecdh.P256().NewPrivateKey(append(make([]byte, 31), 1))
			public = k.PublicKey().Bytes()
		}
		return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, pkcs11.NewECDH1DeriveParams(uint(p.number()%10), p.bytes(8), public))}
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
	at := func(mech uint) byte { return byte(slices.Index(mechanism.Legacy.List(), mech)) }
	signInit, sign, derive := byte(11), byte(20), byte(len(fuzzed)-4)
	for handle := range byte(16) {
		for _, m := range []uint{pkcs11.CKM_ECDSA, pkcs11.CKM_ECDSA_SHA256, mechanism.CKM_EDDSA, pkcs11.CKM_RSA_X_509, pkcs11.CKM_SHA3_256_RSA_PKCS} {
			f.Add([]byte{signInit, at(m), 0, handle, sign, 2, 1, 2})
		}
		for kdf := range byte(7) {
			generic := "\x01\x00\x00\x08\x10\x00\x00\x00\x00\x00\x00\x00" + "\x01\x61\x00\x08\x10\x00\x00\x00\x00\x00\x00\x00" // a secret of 16 bytes
			f.Add(append([]byte{derive, at(pkcs11.CKM_ECDH1_DERIVE), 1, 0, kdf, 0, handle, byte(len(generic))}, generic...))
		}
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
	for _, usages := range [][]uint{{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT}, {pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY, pkcs11.CKA_DERIVE}, {pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP}} {
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

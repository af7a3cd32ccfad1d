package speed

import (
	"crypto/rand"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// work is one operation of an EPS on private session keys, with 16 bytes of data.
type work struct {
	name string
	// How many times as fast as SoftHSM it shall be with one goroutine and with two, in
	// process and through libepsemu.so; 0: not asked for.
	least, library [2]float64
	// prepare makes the keys; what it gives makes the call of one goroutine.
	prepare func(p *party) (func(s pkcs11.SessionHandle) func() error, error)
}

var (
	inProcess = [2]float64{25, 50}
	throughC  = [2]float64{6, 12}
	rsa2048   = [2]float64{0.9, 0.9}
	rsa3072   = [2]float64{0.85, 0.85}
)

var works = []work{
	{"HMAC-SHA-1", inProcess, throughC, sign(pkcs11.CKM_SHA_1_HMAC)},
	{"HMAC-SHA-256", inProcess, throughC, sign(pkcs11.CKM_SHA256_HMAC)},
	{"AES ENCRYPT_DATA derivation", inProcess, throughC, derive},
	{"AES-CBC", inProcess, throughC, encryptCBC},
	{"AES key unwrap", inProcess, throughC, unwrap},
	{"RSA-OAEP 2048", rsa2048, [2]float64{}, decryptOAEP(2048)},
	{"RSA-OAEP 3072", rsa3072, [2]float64{}, decryptOAEP(3072)},
}

// calls gives a call for each goroutine, on a session of its own.
func (w work) calls(p *party, goroutines int) ([]func() error, error) {
	start, err := w.prepare(p)
	if err != nil {
		return nil, err
	}
	var calls []func() error
	for range goroutines {
		s, err := p.session()
		if err != nil {
			return nil, err
		}
		calls = append(calls, start(s))
	}
	return calls, nil
}

func attr(typ uint, v any) *pkcs11.Attribute { return pkcs11.NewAttribute(typ, v) }

// hidden is the template of a private, sensitive session key with one usage.
func hidden(keyType, usage uint) []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, keyType),
		attr(pkcs11.CKA_TOKEN, false), attr(pkcs11.CKA_PRIVATE, true),
		attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, false), attr(usage, true),
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it ends the program instead of failing
	return b
}

func mechanism(typ uint, parameter any) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(typ, parameter)}
}

func sign(typ uint) func(*party) (func(pkcs11.SessionHandle) func() error, error) {
	return func(p *party) (func(pkcs11.SessionHandle) func() error, error) {
		key, err := p.CreateObject(p.s, append(hidden(pkcs11.CKK_GENERIC_SECRET, pkcs11.CKA_SIGN), attr(pkcs11.CKA_VALUE, random(32))))
		return func(s pkcs11.SessionHandle) func() error {
			m, data := mechanism(typ, nil), random(16)
			return func() error {
				if err := p.SignInit(s, m, key); err != nil {
					return err
				}
				_, err := p.Sign(s, data)
				return err
			}
		}, err
	}
}

func derive(p *party) (func(pkcs11.SessionHandle) func() error, error) {
	base, err := p.CreateObject(p.s, append(hidden(pkcs11.CKK_AES, pkcs11.CKA_DERIVE), attr(pkcs11.CKA_VALUE, random(32))))
	child := append(hidden(pkcs11.CKK_GENERIC_SECRET, pkcs11.CKA_SIGN), attr(pkcs11.CKA_VALUE_LEN, 16), attr(pkcs11.CKA_CHECK_VALUE, []byte{}))
	return func(s pkcs11.SessionHandle) func() error {
		m := mechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, cryptoki.PinDerivationData(&p.pins, random(16)))
		return func() error {
			key, err := p.DeriveKey(s, m, base, child)
			if err != nil {
				return err
			}
			return p.DestroyObject(s, key)
		}
	}, err
}

func encryptCBC(p *party) (func(pkcs11.SessionHandle) func() error, error) {
	key, err := p.CreateObject(p.s, append(hidden(pkcs11.CKK_AES, pkcs11.CKA_ENCRYPT), attr(pkcs11.CKA_VALUE, random(32))))
	return func(s pkcs11.SessionHandle) func() error {
		m, data := mechanism(pkcs11.CKM_AES_CBC, random(16)), random(16)
		return func() error {
			if err := p.EncryptInit(s, m, key); err != nil {
				return err
			}
			_, err := p.Encrypt(s, data)
			return err
		}
	}, err
}

func unwrap(p *party) (func(pkcs11.SessionHandle) func() error, error) {
	value := attr(pkcs11.CKA_VALUE, random(32))
	out, err := p.CreateObject(p.s, append(hidden(pkcs11.CKK_AES, pkcs11.CKA_WRAP), value))
	if err != nil {
		return nil, err
	}
	in, err := p.CreateObject(p.s, append(hidden(pkcs11.CKK_AES, pkcs11.CKA_UNWRAP), value))
	if err != nil {
		return nil, err
	}
	loose := hidden(pkcs11.CKK_GENERIC_SECRET, pkcs11.CKA_SIGN)
	loose[5] = attr(pkcs11.CKA_EXTRACTABLE, true)
	key, err := p.CreateObject(p.s, append(loose, attr(pkcs11.CKA_VALUE, random(16))))
	if err != nil {
		return nil, err
	}
	wrapping := mechanism(pkcs11.CKM_AES_KEY_WRAP, nil)
	blob, err := p.WrapKey(p.s, wrapping, out, key)
	child := append(hidden(pkcs11.CKK_GENERIC_SECRET, pkcs11.CKA_SIGN), attr(pkcs11.CKA_CHECK_VALUE, []byte{}))
	return func(s pkcs11.SessionHandle) func() error {
		return func() error {
			h, err := p.UnwrapKey(s, wrapping, in, blob, child)
			if err != nil {
				return err
			}
			return p.DestroyObject(s, h)
		}
	}, err
}

func decryptOAEP(bits int) func(*party) (func(pkcs11.SessionHandle) func() error, error) {
	return func(p *party) (func(pkcs11.SessionHandle) func() error, error) {
		public, private, err := p.GenerateKeyPair(p.s, mechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil),
			[]*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS_BITS, bits), attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
				attr(pkcs11.CKA_ENCRYPT, true), attr(pkcs11.CKA_WRAP, false)},
			[]*pkcs11.Attribute{attr(pkcs11.CKA_DECRYPT, true), attr(pkcs11.CKA_UNWRAP, false), attr(pkcs11.CKA_PRIVATE, true), attr(pkcs11.CKA_SENSITIVE, true)})
		if err != nil {
			return nil, err
		}
		// miekg keeps C memory in a parameter: each goroutine needs its own.
		oaep := func() []*pkcs11.Mechanism {
			return mechanism(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, pkcs11.CKZ_DATA_SPECIFIED, nil))
		}
		if err := p.EncryptInit(p.s, oaep(), public); err != nil {
			return nil, err
		}
		blob, err := p.Encrypt(p.s, random(16))
		return func(s pkcs11.SessionHandle) func() error {
			m := oaep()
			return func() error {
				if err := p.DecryptInit(s, m, private); err != nil {
					return err
				}
				_, err := p.Decrypt(s, blob)
				return err
			}
		}, err
	}
}

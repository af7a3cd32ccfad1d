package token_test

import (
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// work is timed here and on SoftHSM (make speed compares): the same Go calls on private
// session keys with 16 bytes of data, one session a goroutine.
type work struct {
	name string
	// prepare makes the keys; what it gives makes the call of one goroutine.
	prepare func(g *ground) func(own *ground) func() error
}

var works = []work{
	{"HMAC-SHA-1", signWork(pkcs11.CKM_SHA_1_HMAC)},
	{"HMAC-SHA-256", signWork(pkcs11.CKM_SHA256_HMAC)},
	{"AES-derive", deriveWork},
	{"AES-CBC", cbcWork},
	{"unwrap", unwrapWork},
	{"OAEP-2048", oaepWork(2048)},
	{"OAEP-3072", oaepWork(3072)},
}

// BenchmarkEmulator times each work on this token.
func BenchmarkEmulator(b *testing.B) { each(b, func(b *testing.B) *ground { return memoryToken(b) }) }

// BenchmarkSoftHSM times the same on SoftHSM.
func BenchmarkSoftHSM(b *testing.B) { each(b, func(b *testing.B) *ground { return softHSM(b) }) }

func each(b *testing.B, fresh func(b *testing.B) *ground) {
	for _, w := range works {
		b.Run(w.name, func(b *testing.B) {
			g := fresh(b)
			start := w.prepare(g)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				call := start(&ground{Module: g.Module, t: b, slot: g.slot, s: g.session()})
				for pb.Next() {
					if err := call(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func signWork(mech uint) func(g *ground) func(own *ground) func() error {
	return func(g *ground) func(own *ground) func() error {
		key := g.create(genericOf(key32, cS, pkcs11.CKA_SENSITIVE))
		return func(own *ground) func() error {
			m, data := plain(mech), make([]byte, 16)
			return func() error {
				if err := own.SignInit(own.s, m, key); err != nil {
					return err
				}
				_, err := own.Sign(own.s, data)
				return err
			}
		}
	}
}

func deriveWork(g *ground) func(own *ground) func() error {
	base := g.create(aesOf(key32, cDrv, pkcs11.CKA_SENSITIVE))
	template := append(child(pkcs11.CKK_GENERIC_SECRET, 16, cS, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_CHECK_VALUE, []byte{}))
	return func(own *ground) func() error {
		pin := new(runtime.Pinner)
		own.t.Cleanup(pin.Unpin)
		m := with(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, cryptoki.PinDerivationData(pin, make([]byte, 16)))
		return func() error {
			key, err := own.DeriveKey(own.s, m, base, template)
			if err != nil {
				return err
			}
			return own.DestroyObject(own.s, key)
		}
	}
}

func cbcWork(g *ground) func(own *ground) func() error {
	key := g.create(aesOf(key32, cE, pkcs11.CKA_SENSITIVE))
	return func(own *ground) func() error {
		m, data := with(pkcs11.CKM_AES_CBC, make([]byte, 16)), make([]byte, 16)
		return func() error {
			if err := own.EncryptInit(own.s, m, key); err != nil {
				return err
			}
			_, err := own.Encrypt(own.s, data)
			return err
		}
	}
}

func unwrapWork(g *ground) func(own *ground) func() error {
	key := g.create(aesOf(key32, cU, pkcs11.CKA_SENSITIVE))
	blob := wrapped(key32, key16)
	template := append(unwrapped(pkcs11.CKK_GENERIC_SECRET, cS, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_CHECK_VALUE, []byte{}))
	return func(own *ground) func() error {
		return func() error {
			h, err := own.UnwrapKey(own.s, kw, key, blob, template)
			if err != nil {
				return err
			}
			return own.DestroyObject(own.s, h)
		}
	}
}

func oaepWork(bits int) func(g *ground) func(own *ground) func() error {
	return func(g *ground) func(own *ground) func() error {
		g.t.Helper()
		public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
			[]*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS_BITS, bits), attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), attr(cE, true), off(cW)},
			[]*pkcs11.Attribute{attr(cD, true), off(cU), attr(pkcs11.CKA_PRIVATE, true), attr(pkcs11.CKA_SENSITIVE, true)})
		check(g.t, err)
		m := oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, nil)
		check(g.t, g.EncryptInit(g.s, m, public))
		blob, err := g.Encrypt(g.s, key16)
		check(g.t, err)
		return func(own *ground) func() error {
			m := oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, nil) // miekg's parameters are no two goroutines'
			return func() error {
				if err := own.DecryptInit(own.s, m, private); err != nil {
					return err
				}
				_, err := own.Decrypt(own.s, blob)
				return err
			}
		}
	}
}

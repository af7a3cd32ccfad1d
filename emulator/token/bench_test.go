package token_test

import (
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// The four benchmarks are the calls whose rate DESIGN §8 compares with SoftHSM:
// private session keys, 16 bytes of data, one session a goroutine.

func BenchmarkHMAC(b *testing.B) {
	for _, mech := range []struct {
		name string
		typ  uint
	}{{"SHA-1", pkcs11.CKM_SHA_1_HMAC}, {"SHA-256", pkcs11.CKM_SHA256_HMAC}} {
		b.Run(mech.name, func(b *testing.B) {
			m := memoryToken(b)
			key := m.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), on(pkcs11.CKA_SIGN, pkcs11.CKA_SENSITIVE)))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				s := m.session()
				mechanism := plain(mech.typ)
				data := make([]byte, 16)
				for pb.Next() {
					must(b, m.SignInit(s, mechanism, key))
					_, err := m.Sign(s, data)
					must(b, err)
				}
			})
		})
	}
}

func BenchmarkDerive(b *testing.B) {
	m := memoryToken(b)
	base := m.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_DERIVE, pkcs11.CKA_SENSITIVE)))
	template := append(on(pkcs11.CKA_SENSITIVE, pkcs11.CKA_SIGN),
		attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		attr(pkcs11.CKA_VALUE_LEN, 32),
		attr(pkcs11.CKA_EXTRACTABLE, false),
		attr(pkcs11.CKA_CHECK_VALUE, []byte{}))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		s := m.session()
		var pin runtime.Pinner
		defer pin.Unpin()
		mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA,
			cryptoki.PinDerivationData(&pin, make([]byte, 32)))}
		for pb.Next() {
			key, err := m.DeriveKey(s, mechanism, base, template)
			must(b, err)
			must(b, m.DestroyObject(s, key))
		}
	})
}

func BenchmarkCBC(b *testing.B) {
	m := memoryToken(b)
	key := m.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_ENCRYPT, pkcs11.CKA_SENSITIVE)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		s := m.session()
		mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_CBC, make([]byte, 16))}
		data := make([]byte, 16)
		for pb.Next() {
			must(b, m.EncryptInit(s, mechanism, key))
			_, err := m.Encrypt(s, data)
			must(b, err)
		}
	})
}

func BenchmarkUnwrap(b *testing.B) {
	m := memoryToken(b)
	wrapping := m.create(secretKey(pkcs11.CKK_AES, random(32), on(pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_SENSITIVE)))
	inner := m.create(secretKey(pkcs11.CKK_GENERIC_SECRET, random(32), on(pkcs11.CKA_EXTRACTABLE)))
	blob, err := m.WrapKey(m.s, plain(pkcs11.CKM_AES_KEY_WRAP), wrapping, inner)
	check(b, err)
	template := append(on(pkcs11.CKA_SENSITIVE, pkcs11.CKA_SIGN),
		attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		s := m.session()
		for pb.Next() {
			key, err := m.UnwrapKey(s, plain(pkcs11.CKM_AES_KEY_WRAP), wrapping, blob, template)
			must(b, err)
			must(b, m.DestroyObject(s, key))
		}
	})
}

// must is check without Helper, which costs as much as an HMAC.
func must(b *testing.B, err error) {
	if err != nil {
		b.Error(err)
	}
}

package token_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// key64 is long enough for SoftHSM's HMACs.
var key64 = bytes.Repeat([]byte{0x64}, 64)

func digesting(mech uint) func(g *ground) string {
	return func(g *ground) string {
		if err := g.DigestInit(g.s, plain(mech)); err != nil {
			return "init " + says(err)
		}
		return gives(g.Digest(g.s, []byte("message")))
	}
}

// legacyToken offers the legacy rows too.
func legacyToken(t testing.TB) *ground {
	t.Helper()
	m, err := token.New(token.Config{Label: "test", SOPIN: soPIN, UserPIN: userPIN, Legacy: true})
	check(t, err)
	return loggedIn(t, m)
}

func TestLegacyAsSoftHSM(t *testing.T) {
	here, there := legacyToken(t), softHSM(t)
	for _, c := range legacyScenarios {
		t.Run(c.name, func(t *testing.T) { c.compare(t, here, there) })
	}
}

func des3Of(set ...uint) []*pkcs11.Attribute {
	return secretKey(pkcs11.CKK_DES3, key64[:24], stated(set...))
}

// legacyScenarios are those of a token with Legacy.
var legacyScenarios = []scenario{
	{name: "DES3 ECB", do: encrypting(des3Of(cE), plain(pkcs11.CKM_DES3_ECB), key32)},
	{name: "DES3 ECB of half a block", do: encrypting(des3Of(cE), plain(pkcs11.CKM_DES3_ECB), key32[:4])},
	{name: "DES3 CBC", do: encrypting(des3Of(cE), with(pkcs11.CKM_DES3_CBC, iv16[:8]), key32)},
	{name: "DES3 CBC with padding", do: encrypting(des3Of(cE), with(pkcs11.CKM_DES3_CBC_PAD, iv16[:8]), key32[:20])},
	{name: "DES2 CBC decrypts", do: decrypting(secretKey(pkcs11.CKK_DES2, key16, stated(cD)), with(pkcs11.CKM_DES3_CBC, iv16[:8]), key32)},
	{name: "DES3 derives", do: func(g *ground) string {
		var p runtime.Pinner
		defer p.Unpin()
		m := with(pkcs11.CKM_DES3_ECB_ENCRYPT_DATA, cryptoki.PinDerivationData(&p, key32))
		h, err := g.DeriveKey(g.s, m, g.create(des3Of(cDrv)), child(pkcs11.CKK_GENERIC_SECRET, 16))
		return g.valueOf(h, err)
	}},
	{name: "DES3 generates", do: func(g *ground) string {
		h, err := g.GenerateKey(g.s, plain(pkcs11.CKM_DES3_KEY_GEN), stated())
		if err != nil {
			return says(err)
		}
		v, err := g.read(h, pkcs11.CKA_VALUE)
		check(g.t, err)
		for _, b := range v {
			if bits.OnesCount8(b)%2 == 0 {
				return "parity"
			}
		}
		return fmt.Sprint(len(v))
	}},
}

// mechanismScenarios has one row for each mechanism that SoftHSM has too and that no
// other table uses.
var mechanismScenarios = []scenario{
	{name: "SHA-1", do: digesting(pkcs11.CKM_SHA_1)},
	{name: "SHA-224", do: digesting(pkcs11.CKM_SHA224)},
	{name: "SHA-384", do: digesting(pkcs11.CKM_SHA384)},
	{name: "SHA-3, 256 bits", meant: meant{"32 bytes", "init CKR_MECHANISM_INVALID", wider}, do: digesting(pkcs11.CKM_SHA3_256)},
	{name: "HMAC SHA-224", do: signing(genericOf(key64, cS), pkcs11.CKM_SHA224_HMAC, "message")},
	{name: "HMAC SHA-384", do: signing(genericOf(key64, cS), pkcs11.CKM_SHA384_HMAC, "message")},
	{name: "AES CMAC", do: signing(aesOf(key32, cS), pkcs11.CKM_AES_CMAC, "message")},
	{name: "AES CTR", do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_CTR, append(binary.NativeEndian.AppendUint64(nil, 128), iv16...)), key32[:20])},
	{name: "DES3 on a token of today", meant: meant{"CKR_ATTRIBUTE_VALUE_INVALID", "CKR_OK", smaller}, do: func(g *ground) string {
		return says(second(g.CreateObject(g.s, des3Of(cE))))
	}},
	{name: "RSA signature, PKCS #1 v1.5", do: rsaSignature(plain(pkcs11.CKM_SHA256_RSA_PKCS))},
	{name: "RSA signature of data", do: rsaSignature(plain(pkcs11.CKM_RSA_PKCS))},
	{name: "RSA signature of a number", do: rsaSignature(plain(pkcs11.CKM_RSA_X_509))},
	{name: "RSA signature of data, in parts", do: rsaInParts(plain(pkcs11.CKM_RSA_PKCS))},
	{name: "RSA signature of a number, in parts", do: rsaInParts(plain(pkcs11.CKM_RSA_X_509))},
	{name: "RSA signature by PSS of a digest, in parts", do: rsaInParts(with(pkcs11.CKM_RSA_PKCS_PSS, pkcs11.NewPSSParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 32)))},
	{name: "RSA signature with recovery", meant: meant{"CKR_OK", "CKR_FUNCTION_NOT_SUPPORTED", wider}, do: func(g *ground) string {
		_, private := g.rsaPair([]*pkcs11.Attribute{attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})}, on(pkcs11.CKA_SIGN_RECOVER))
		return says(g.SignRecoverInit(g.s, plain(pkcs11.CKM_RSA_PKCS), private))
	}},
	{name: "RSA signature, PSS", do: rsaSignature(with(pkcs11.CKM_SHA256_RSA_PKCS_PSS, pkcs11.NewPSSParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, 32)))},
	{name: "concatenate a key", meant: meant{"48 bytes", "CKR_MECHANISM_INVALID", wider}, do: func(g *ground) string {
		return g.concatenate(genericOf(key32, cDrv), genericOf(key16, cDrv), child(pkcs11.CKK_GENERIC_SECRET, 48)...)
	}},
	{name: "concatenate a key and keep less", meant: meant{"CKR_KEY_SIZE_RANGE", "CKR_MECHANISM_INVALID", hiddenValue}, do: func(g *ground) string {
		return g.concatenate(genericOf(key32, cDrv), genericOf(key16, cDrv), child(pkcs11.CKK_GENERIC_SECRET, 1)...)
	}},
	{name: "concatenate a key that derives nothing", meant: meant{"CKR_KEY_FUNCTION_NOT_PERMITTED", "CKR_MECHANISM_INVALID", wider}, do: func(g *ground) string {
		return g.concatenate(genericOf(key32, cDrv), genericOf(key16), child(pkcs11.CKK_GENERIC_SECRET, 48)...)
	}},
	{name: "concatenate a sensitive key to a readable one", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_MECHANISM_INVALID", hiddenValue}, do: func(g *ground) string {
		return g.concatenate(genericOf(key32, cDrv), genericOf(key16, cDrv, pkcs11.CKA_SENSITIVE), child(pkcs11.CKK_GENERIC_SECRET, 48)...)
	}},
	{name: "concatenate a key that cannot leave to one that can", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_MECHANISM_INVALID", hiddenValue}, do: func(g *ground) string {
		return g.concatenate(genericOf(key32, cDrv), genericOf(key16, cDrv, pkcs11.CKA_SENSITIVE), child(pkcs11.CKK_GENERIC_SECRET, 48, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE)...)
	}},
}

func (g *ground) concatenate(base, other []*pkcs11.Attribute, child ...*pkcs11.Attribute) string {
	m := with(pkcs11.CKM_CONCATENATE_BASE_AND_KEY, binary.NativeEndian.AppendUint64(nil, uint64(g.create(other))))
	h, err := g.DeriveKey(g.s, m, g.create(base), child)
	return g.valueOf(h, err)
}

// rsaInParts is the answer to a part of a signature, and to its end after that.
func rsaInParts(m []*pkcs11.Mechanism) func(g *ground) string {
	return func(g *ground) string {
		_, private := g.rsaPair([]*pkcs11.Attribute{attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})}, on(cS))
		check(g.t, g.SignInit(g.s, m, private))
		part := says(g.SignUpdate(g.s, key32))
		return part + " " + says(second(g.SignFinal(g.s)))
	}
}

// rsaSignature is how long one is, and the answers to the right message and another.
func rsaSignature(m []*pkcs11.Mechanism) func(g *ground) string {
	return func(g *ground) string {
		public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
			[]*pkcs11.Attribute{bits1024, attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), attr(cV, true)}, []*pkcs11.Attribute{attr(cS, true)})
		check(g.t, err)
		check(g.t, g.SignInit(g.s, m, private))
		signature, err := g.Sign(g.s, []byte("message"))
		check(g.t, err)
		out := fmt.Sprint(len(signature))
		for _, message := range []string{"message", "another"} {
			check(g.t, g.VerifyInit(g.s, m, public))
			out += " " + says(g.Verify(g.s, []byte(message), signature))
		}
		return out
	}
}

package token_test

import (
	"bytes"
	"fmt"
	"runtime"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

const (
	cE, cD, cS, cV = pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY
	cW, cU, cDrv   = pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE
)

// with is one mechanism with its parameter.
func with(mech uint, parameter any) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(mech, parameter)}
}

var iv16 = []byte("sixteen byte IV.")

// encrypting is the answer to C_EncryptInit and C_Encrypt.
func encrypting(template []*pkcs11.Attribute, m []*pkcs11.Mechanism, in []byte) func(g *ground) string {
	return func(g *ground) string {
		if err := g.EncryptInit(g.s, m, g.create(template)); err != nil {
			return "init " + says(err)
		}
		return gives(g.Encrypt(g.s, in))
	}
}

func decrypting(template []*pkcs11.Attribute, m []*pkcs11.Mechanism, in []byte) func(g *ground) string {
	return func(g *ground) string {
		if err := g.DecryptInit(g.s, m, g.create(template)); err != nil {
			return "init " + says(err)
		}
		return gives(g.Decrypt(g.s, in))
	}
}

func signing(template []*pkcs11.Attribute, mech uint, parts ...string) func(g *ground) string {
	return func(g *ground) string {
		if err := g.SignInit(g.s, plain(mech), g.create(template)); err != nil {
			return "init " + says(err)
		}
		if len(parts) == 1 {
			return gives(g.Sign(g.s, []byte(parts[0])))
		}
		for _, p := range parts {
			if err := g.SignUpdate(g.s, []byte(p)); err != nil {
				return "update " + says(err)
			}
		}
		return gives(g.SignFinal(g.s))
	}
}

func verifying(signature []byte) func(g *ground) string {
	return func(g *ground) string {
		check(g.t, g.VerifyInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create(genericOf(key32, cV))))
		return says(g.Verify(g.s, []byte("message"), signature)) + " " + says(g.Verify(g.s, []byte("message"), signature))
	}
}

// inTurn says what each of some calls answers.
func inTurn(calls ...func(g *ground) error) func(g *ground) string {
	return func(g *ground) string {
		out := ""
		for _, call := range calls {
			out += says(call(g)) + " "
		}
		return out
	}
}

var usageScenarios = []scenario{
	{name: "ECB", do: encrypting(aesOf(key16, cE), plain(pkcs11.CKM_AES_ECB), key32)},
	{name: "ECB of nothing", do: encrypting(aesOf(key16, cE), plain(pkcs11.CKM_AES_ECB), []byte{})},
	{name: "ECB of half a block", do: encrypting(aesOf(key16, cE), plain(pkcs11.CKM_AES_ECB), key32[:8])},
	{name: "ECB with an IV", meant: meant{"init CKR_MECHANISM_PARAM_INVALID", "32 bytes", strict}, do: encrypting(aesOf(key16, cE), with(pkcs11.CKM_AES_ECB, iv16), key32)},
	{name: "ECB decrypts", do: decrypting(aesOf(key16, cD), plain(pkcs11.CKM_AES_ECB), key32)},
	{name: "ECB decrypts half a block", do: decrypting(aesOf(key16, cD), plain(pkcs11.CKM_AES_ECB), key32[:8])},
	{name: "CBC", do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_CBC, iv16), key32)},
	{name: "CBC with 8 bytes of IV", meant: meant{"init CKR_MECHANISM_PARAM_INVALID", "init CKR_MECHANISM_INVALID", named}, do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_CBC, iv16[:8]), key32)},
	{name: "CBC without IV", meant: meant{"init CKR_MECHANISM_PARAM_INVALID", "init CKR_ARGUMENTS_BAD", named}, do: encrypting(aesOf(key32, cE), plain(pkcs11.CKM_AES_CBC), key32)},
	{name: "CBC of half a block", do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_CBC, iv16), key32[:8])},
	{name: "CBC decrypts", do: decrypting(aesOf(key32, cD), with(pkcs11.CKM_AES_CBC, iv16), key32)},
	{name: "CBC with padding", do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_CBC_PAD, iv16), key32[:20])},
	{name: "CBC with padding decrypts nonsense", meant: meant{"CKR_ENCRYPTED_DATA_INVALID", "CKR_GENERAL_ERROR", named}, do: decrypting(aesOf(key32, cD), with(pkcs11.CKM_AES_CBC_PAD, iv16), key32)},
	{name: "GCM", do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv16[:12], key16, 128)), key32)},
	{name: "GCM with 16 bytes of IV", do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv16, key16, 128)), key32)},
	{name: "GCM with a tag of 96 bits", do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv16[:12], key16, 96)), key32)},
	{name: "GCM with a tag of 32 bits", meant: meant{"init CKR_MECHANISM_PARAM_INVALID", "36 bytes", integrity}, do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv16[:12], key16, 32)), key32)},
	{name: "GCM without IV", meant: meant{"init CKR_MECHANISM_PARAM_INVALID", "48 bytes", integrity}, do: encrypting(aesOf(key32, cE), with(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(nil, key16, 128)), key32)},
	{name: "GCM decrypts nonsense", meant: meant{"CKR_ENCRYPTED_DATA_INVALID", "CKR_GENERAL_ERROR", named}, do: decrypting(aesOf(key32, cD), with(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv16[:12], key16, 128)), key32)},
	{name: "GCM decrypts less than a tag", meant: meant{"CKR_ENCRYPTED_DATA_LEN_RANGE", "CKR_GENERAL_ERROR", named}, do: decrypting(aesOf(key32, cD), with(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv16[:12], key16, 128)), key32[:8])},
	{name: "encrypt without the usage", do: encrypting(aesOf(key16, cD), plain(pkcs11.CKM_AES_ECB), key16)},
	{name: "decrypt without the usage", do: decrypting(aesOf(key16, cE), plain(pkcs11.CKM_AES_ECB), key16)},
	{name: "encrypt under a generic secret", do: encrypting(genericOf(key16, cE), plain(pkcs11.CKM_AES_ECB), key16)},
	{name: "encrypt by an unknown mechanism", do: encrypting(aesOf(key16, cE), plain(0x7fffffff), key16)},
	{name: "encrypt by a mechanism that signs", do: encrypting(aesOf(key16, cE), plain(pkcs11.CKM_SHA256_HMAC), key16)},
	{name: "encrypt by a mechanism that is not allowed", do: encrypting(append(aesOf(key16, cE), attr(pkcs11.CKA_ALLOWED_MECHANISMS, pkcs11.CKM_AES_CBC)), plain(pkcs11.CKM_AES_ECB), key16)},
	{name: "encrypt in parts", do: func(g *ground) string {
		check(g.t, g.EncryptInit(g.s, with(pkcs11.CKM_AES_CBC_PAD, iv16), g.create(aesOf(key16, cE))))
		var out []byte
		for _, n := range []int{5, 16, 11, 1} {
			part, err := g.EncryptUpdate(g.s, key32[:n])
			check(g.t, err)
			out = append(out, part...)
		}
		last, err := g.EncryptFinal(g.s)
		return gives(append(out, last...), err)
	}},
	{name: "decrypt in parts", do: func(g *ground) string {
		check(g.t, g.DecryptInit(g.s, with(pkcs11.CKM_AES_CBC, iv16), g.create(aesOf(key16, cD))))
		var out []byte
		for _, n := range []int{16, 32, 16} {
			part, err := g.DecryptUpdate(g.s, key32[:n])
			check(g.t, err)
			out = append(out, part...)
		}
		last, err := g.DecryptFinal(g.s)
		return gives(append(out, last...), err)
	}},

	{name: "HMAC SHA-1", do: signing(genericOf(key32, cS), pkcs11.CKM_SHA_1_HMAC, "message")},
	{name: "HMAC SHA-256", do: signing(genericOf(key32, cS), pkcs11.CKM_SHA256_HMAC, "message")},
	{name: "HMAC SHA-512", do: signing(genericOf(append(key32, key32...), cS), pkcs11.CKM_SHA512_HMAC, "message")},
	{name: "HMAC SHA-512 under 32 bytes", meant: meant{"64 bytes", "init CKR_KEY_SIZE_RANGE", wider}, do: signing(genericOf(key32, cS), pkcs11.CKM_SHA512_HMAC, "message")},
	{name: "HMAC SHA-256 under 20 bytes", meant: meant{"32 bytes", "init CKR_KEY_SIZE_RANGE", wider}, do: signing(genericOf(key32[:20], cS), pkcs11.CKM_SHA256_HMAC, "message")},
	{name: "HMAC of nothing", do: signing(genericOf(key32, cS), pkcs11.CKM_SHA256_HMAC, "")},
	{name: "HMAC in parts", do: signing(genericOf(key32, cS), pkcs11.CKM_SHA256_HMAC, "mess", "age")},
	{name: "HMAC under a key of its own type", do: signing(secretKey(pkcs11.CKK_SHA256_HMAC, key32, stated(cS)), pkcs11.CKM_SHA256_HMAC, "message")},
	{name: "HMAC under another hash's key type", do: signing(secretKey(pkcs11.CKK_SHA_1_HMAC, key32, stated(cS)), pkcs11.CKM_SHA256_HMAC, "message")},
	{name: "HMAC under AES", do: signing(aesOf(key32, cS), pkcs11.CKM_SHA256_HMAC, "message")},
	{name: "HMAC without the usage", do: signing(genericOf(key32, cV), pkcs11.CKM_SHA256_HMAC, "message")},
	{name: "HMAC under a key of 200 bytes", do: signing(genericOf(bytes.Repeat([]byte{9}, 200), cS), pkcs11.CKM_SHA256_HMAC, "message")},
	{name: "verify what is right", do: verifying(mac256("message"))},
	{name: "verify what is wrong", do: verifying(mac256("another"))},
	{name: "verify what is short", do: verifying(mac256("message")[:31])},
	{name: "verify without the usage", do: func(g *ground) string {
		return says(g.VerifyInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create(genericOf(key32, cS))))
	}},
	{name: "sign with no key", meant: meant{"CKR_KEY_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID", named}, do: func(g *ground) string { return says(g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), 4711)) }},
	{name: "sign with data", meant: meant{"CKR_KEY_TYPE_INCONSISTENT", "CKR_KEY_FUNCTION_NOT_PERMITTED", named}, do: func(g *ground) string {
		return says(g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA)})))
	}},
	{name: "a mechanism with a parameter it does not have", meant: meant{"CKR_MECHANISM_PARAM_INVALID", "CKR_OK", strict}, do: func(g *ground) string {
		return says(g.SignInit(g.s, with(pkcs11.CKM_SHA256_HMAC, iv16), g.create(genericOf(key32, cS))))
	}},

	{name: "digest", do: func(g *ground) string {
		check(g.t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)))
		return gives(g.Digest(g.s, []byte("message")))
	}},
	{name: "digest in parts, with a key", do: func(g *ground) string {
		check(g.t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA512)))
		check(g.t, g.DigestUpdate(g.s, []byte("mess")))
		check(g.t, g.DigestKey(g.s, g.create(genericOf(key32))))
		return gives(g.DigestFinal(g.s))
	}},
	{name: "digest of a sensitive key", meant: meant{"CKR_KEY_INDIGESTIBLE", "CKR_OK", hiddenValue}, do: func(g *ground) string {
		check(g.t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)))
		return says(g.DigestKey(g.s, g.create(genericOf(key32, pkcs11.CKA_SENSITIVE))))
	}},
	{name: "digest by a mechanism that signs", do: func(g *ground) string { return says(g.DigestInit(g.s, plain(pkcs11.CKM_SHA256_HMAC))) }},

	{name: "encrypt without init", do: inTurn(func(g *ground) error { return second(g.Encrypt(g.s, key16)) })},
	{name: "sign without init", do: inTurn(func(g *ground) error { return second(g.Sign(g.s, key16)) })},
	{name: "final without init", do: inTurn(func(g *ground) error { return second(g.SignFinal(g.s)) },
		func(g *ground) error { return second(g.EncryptFinal(g.s)) }, func(g *ground) error { return second(g.DigestFinal(g.s)) })},
	{name: "update without init", do: inTurn(func(g *ground) error { return g.SignUpdate(g.s, key16) },
		func(g *ground) error { return second(g.DecryptUpdate(g.s, key16)) }, func(g *ground) error { return g.DigestUpdate(g.s, key16) })},
	{name: "init twice", do: func(g *ground) string {
		k := g.create(aesOf(key16, cE))
		return inTurn(func(g *ground) error { return g.EncryptInit(g.s, plain(pkcs11.CKM_AES_ECB), k) },
			func(g *ground) error { return g.EncryptInit(g.s, plain(pkcs11.CKM_AES_ECB), k) },
			func(g *ground) error { return second(g.Encrypt(g.s, key16)) })(g)
	}},
	{name: "an operation is over after an error", do: func(g *ground) string {
		check(g.t, g.EncryptInit(g.s, plain(pkcs11.CKM_AES_ECB), g.create(aesOf(key16, cE))))
		return inTurn(func(g *ground) error { return second(g.Encrypt(g.s, key16[:3])) },
			func(g *ground) error { return second(g.Encrypt(g.s, key16)) })(g)
	}},
	{name: "an operation is over after its result", do: func(g *ground) string {
		check(g.t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create(genericOf(key32, cS))))
		return inTurn(func(g *ground) error { return second(g.Sign(g.s, key16)) },
			func(g *ground) error { return second(g.Sign(g.s, key16)) })(g)
	}},
	{name: "a whole after a part", do: func(g *ground) string {
		check(g.t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create(genericOf(key32, cS))))
		return inTurn(func(g *ground) error { return g.SignUpdate(g.s, key16) },
			func(g *ground) error { return second(g.Sign(g.s, key16)) },
			func(g *ground) error { return second(g.SignFinal(g.s)) })(g)
	}},
	{name: "a whole encryption after a part", meant: meant{"CKR_OK CKR_OPERATION_NOT_INITIALIZED", "CKR_OK CKR_OK", standard}, do: func(g *ground) string {
		check(g.t, g.EncryptInit(g.s, with(pkcs11.CKM_AES_CBC, iv16), g.create(aesOf(key16, cE))))
		return inTurn(func(g *ground) error { return second(g.EncryptUpdate(g.s, key16)) },
			func(g *ground) error { return second(g.Encrypt(g.s, key16)) })(g)
	}},
	{name: "a whole decryption after a part", meant: meant{"CKR_OK CKR_OPERATION_NOT_INITIALIZED", "CKR_OK CKR_OK", standard}, do: func(g *ground) string {
		check(g.t, g.DecryptInit(g.s, with(pkcs11.CKM_AES_CBC, iv16), g.create(aesOf(key16, cD))))
		return inTurn(func(g *ground) error { return second(g.DecryptUpdate(g.s, key16)) },
			func(g *ground) error { return second(g.Decrypt(g.s, key16)) })(g)
	}},
	{name: "signing beside encrypting", meant: meant{"CKR_OK", "CKR_OPERATION_ACTIVE", parallel}, do: func(g *ground) string {
		check(g.t, g.EncryptInit(g.s, plain(pkcs11.CKM_AES_ECB), g.create(aesOf(key16, cE))))
		return says(g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), g.create(genericOf(key32, cS))))
	}},
	{name: "the key is destroyed meanwhile", do: func(g *ground) string {
		h := g.create(genericOf(key32, cS))
		check(g.t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), h))
		check(g.t, g.DestroyObject(g.s, h))
		return gives(g.Sign(g.s, []byte("message")))
	}},

	{name: "random of nothing", do: func(g *ground) string { return gives(g.GenerateRandom(g.s, 0)) }},
	{name: "random", do: func(g *ground) string { b, err := g.GenerateRandom(g.s, 32); return fmt.Sprint(len(b), says(err)) }},
	{name: "seed", meant: meant{"CKR_RANDOM_SEED_NOT_SUPPORTED", "CKR_OK", smaller}, do: func(g *ground) string { return says(g.SeedRandom(g.s, key16)) }},
}

func mac256(message string) []byte {
	return hmacOf(key32, message)
}

// deriving is the answer to a derivation from a base key, and the child's value
// where it can be read.
func deriving(base []*pkcs11.Attribute, data []byte, child ...*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string {
		h, err := g.derive(g.create(base), data, child...)
		return g.valueOf(h, err)
	}
}

// valueOf is the value of a new key, as far as it can be read.
func (g *ground) valueOf(h pkcs11.ObjectHandle, err error) string {
	if err != nil {
		return says(err)
	}
	return gives(g.read(h, pkcs11.CKA_VALUE))
}

func child(keyType uint, n int, set ...uint) []*pkcs11.Attribute {
	return append(stated(set...), attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, keyType), attr(pkcs11.CKA_VALUE_LEN, n))
}

// wrapping wraps what key describes under what by describes.
func wrapping(m []*pkcs11.Mechanism, by, key []*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string { return gives(g.WrapKey(g.s, m, g.create(by), g.create(key))) }
}

// unwrapping unwraps a blob under what by describes.
func unwrapping(m []*pkcs11.Mechanism, by []*pkcs11.Attribute, blob []byte, template ...*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string {
		h, err := g.UnwrapKey(g.s, m, g.create(by), blob, template)
		return g.valueOf(h, err)
	}
}

// unwrapped is the template of a key that is unwrapped.
func unwrapped(keyType uint, set ...uint) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, keyType)}, stated(set...)...)
}

// underTemplate unwraps under a key with an unwrap template.
func underTemplate(rules []*pkcs11.Attribute, template ...*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string {
		return nested(pkcs11.CKA_UNWRAP_TEMPLATE, rules, func(a *pkcs11.Attribute) string {
			h, err := g.UnwrapKey(g.s, kw, g.create(append(aesOf(key16, cU), a)), wrapped(key16, key32), template)
			if err != nil {
				return says(err)
			}
			return fmt.Sprint(gives(g.read(h, pkcs11.CKA_SENSITIVE)), gives(g.read(h, pkcs11.CKA_EXTRACTABLE)), gives(g.read(h, pkcs11.CKA_DECRYPT)))
		})
	}
}

var (
	kw  = plain(pkcs11.CKM_AES_KEY_WRAP)
	kwp = plain(pkcs11.CKM_AES_KEY_WRAP_PAD)

	master = []*pkcs11.Attribute{attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, false), attr(pkcs11.CKA_DECRYPT, false)}
)

func oaepOf(hash, mgf uint, label []byte) []*pkcs11.Mechanism {
	return with(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(hash, mgf, pkcs11.CKZ_DATA_SPECIFIED, label))
}

// oaepTrip wraps under the public half and unwraps under the private.
func oaepTrip(wrap, unwrap []*pkcs11.Mechanism, flip bool) func(g *ground) string {
	return func(g *ground) string {
		public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
			[]*pkcs11.Attribute{bits1024, attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), attr(cW, true), off(cE), off(cV)},
			[]*pkcs11.Attribute{attr(cU, true), off(cD), off(cS), attr(pkcs11.CKA_SENSITIVE, true), off(pkcs11.CKA_EXTRACTABLE)})
		check(g.t, err)
		blob, err := g.WrapKey(g.s, wrap, public, g.create(aesOf(key16)))
		if err != nil {
			return "wrap " + says(err)
		}
		if flip {
			blob[len(blob)-1] ^= 1
		}
		h, err := g.UnwrapKey(g.s, unwrap, private, blob, unwrapped(pkcs11.CKK_AES))
		return g.valueOf(h, err)
	}
}

func cbcDerive(data []byte) func(g *ground) string {
	return func(g *ground) string {
		var p runtime.Pinner
		defer p.Unpin()
		m := with(pkcs11.CKM_AES_CBC_ENCRYPT_DATA, append(bytes.Clone(iv16), cryptoki.PinDerivationData(&p, data)...))
		h, err := g.DeriveKey(g.s, m, g.create(aesOf(key16, cDrv)), child(pkcs11.CKK_GENERIC_SECRET, 16))
		return g.valueOf(h, err)
	}
}

var wrapScenarios = []scenario{
	{name: "wrap AES", do: wrapping(kw, aesOf(key16, cW), aesOf(key32))},
	{name: "wrap a generic secret", do: wrapping(kw, aesOf(key16, cW), genericOf(key32))},
	{name: "wrap a sensitive key", do: wrapping(kw, aesOf(key16, cW), aesOf(key32, pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE))},
	{name: "wrap a key that cannot leave", do: wrapping(kw, aesOf(key16, cW), aesOf(key32, pkcs11.CKA_SENSITIVE))},
	{name: "wrap without the usage", do: wrapping(kw, aesOf(key16, cU), aesOf(key32))},
	{name: "wrap under a generic secret", do: wrapping(kw, genericOf(key16, cW), aesOf(key32))},
	{name: "wrap 20 bytes", meant: meant{"CKR_KEY_SIZE_RANGE", "32 bytes", padded}, do: wrapping(kw, aesOf(key16, cW), genericOf(key32[:20]))},
	{name: "wrap 20 bytes with padding", meant: meant{"32 bytes", "32 bytes", padded}, do: wrapping(kwp, aesOf(key16, cW), genericOf(key32[:20]))},
	{name: "wrap 32 bytes with padding", do: wrapping(kwp, aesOf(key16, cW), genericOf(key32))},
	{name: "wrap 8 bytes", do: wrapping(kw, aesOf(key16, cW), genericOf(key32[:8]))},
	{name: "wrap for a trusted key only", do: wrapping(kw, aesOf(key16, cW), append(aesOf(key32), attr(pkcs11.CKA_WRAP_WITH_TRUSTED, true)))},
	{name: "wrap by a mode without integrity", meant: meant{"CKR_MECHANISM_INVALID", "32 bytes", integrity}, do: wrapping(with(pkcs11.CKM_AES_CBC, iv16), aesOf(key16, cW), aesOf(key32))},
	{name: "wrap by a mechanism that signs", do: wrapping(plain(pkcs11.CKM_SHA256_HMAC), aesOf(key16, cW), aesOf(key32))},
	{name: "wrap data", meant: meant{"CKR_KEY_NOT_WRAPPABLE", "CKR_KEY_UNEXTRACTABLE", named}, do: wrapping(kw, aesOf(key16, cW), []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA)})},
	{name: "wrap with a parameter", meant: meant{"CKR_MECHANISM_PARAM_INVALID", "CKR_ARGUMENTS_BAD", named}, do: wrapping(with(pkcs11.CKM_AES_KEY_WRAP, iv16), aesOf(key16, cW), aesOf(key32))},
	{name: "unwrap with a parameter", meant: meant{"CKR_MECHANISM_PARAM_INVALID", "CKR_ARGUMENTS_BAD", named}, do: unwrapping(with(pkcs11.CKM_AES_KEY_WRAP, iv16), aesOf(key16, cU), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES)...)},
	{name: "wrap nothing", do: func(g *ground) string { return gives(g.WrapKey(g.s, kw, g.create(aesOf(key16, cW)), 4711)) }},
	{name: "wrap under nothing", do: func(g *ground) string { return gives(g.WrapKey(g.s, kw, 4711, g.create(aesOf(key16)))) }},

	{name: "unwrap AES", do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap generic", do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32), unwrapped(pkcs11.CKK_GENERIC_SECRET)...)},
	{name: "unwrap generic with its length", meant: meant{"32 bytes", "CKR_ATTRIBUTE_READ_ONLY", trailing}, do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32), append(unwrapped(pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_VALUE_LEN, 32))...)},
	{name: "unwrap without template", meant: meant{"CKR_TEMPLATE_INCOMPLETE", "CKR_ARGUMENTS_BAD", null}, do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32))},
	{name: "unwrap without key type", do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32), attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY))},
	{name: "unwrap as data", meant: meant{"CKR_ATTRIBUTE_TYPE_INVALID", "CKR_ATTRIBUTE_VALUE_INVALID", named}, do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32), but(unwrapped(pkcs11.CKK_AES), attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA))...)},
	{name: "unwrap with a value", do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32), append(unwrapped(pkcs11.CKK_AES), attr(pkcs11.CKA_VALUE, key16))...)},
	{name: "unwrap what was changed", meant: meant{"CKR_WRAPPED_KEY_INVALID", "CKR_GENERAL_ERROR", named}, do: unwrapping(kw, aesOf(key16, cU), flipped(wrapped(key16, key32)), unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap half of it", do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32)[:20], unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap without the usage", do: unwrapping(kw, aesOf(key16, cW), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap under a generic secret", do: unwrapping(kw, genericOf(key16, cU), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap to a key type of other sizes", meant: meant{"CKR_WRAPPED_KEY_INVALID", "40 bytes", strict}, do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, append(bytes.Clone(key32), key16[:8]...)), unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap by a mode without integrity", do: unwrapping(with(pkcs11.CKM_AES_CBC, iv16), aesOf(key16, cU), key32, unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap readable by a sensitive key that wraps", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "32 bytes", hiddenValue}, do: unwrapping(kw, aesOf(key16, cU, cW, pkcs11.CKA_SENSITIVE), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES)...)},
	{name: "unwrap what is sensitive", do: unwrapping(kw, aesOf(key16, cU), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES, pkcs11.CKA_SENSITIVE)...)},
	{name: "unwrap with an empty check value", do: func(g *ground) string {
		h, err := g.UnwrapKey(g.s, kw, g.create(aesOf(key16, cU)), wrapped(key16, key32), append(unwrapped(pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_CHECK_VALUE, []byte{})))
		check(g.t, err)
		return gives(g.read(h, pkcs11.CKA_CHECK_VALUE))
	}},
	{name: "unwrap under nothing", do: func(g *ground) string {
		return says(second(g.UnwrapKey(g.s, kw, 4711, wrapped(key16, key32), unwrapped(pkcs11.CKK_AES))))
	}},
	{name: "history of an unwrapped key", do: func(g *ground) string {
		return g.history(g.UnwrapKey(g.s, kw, g.create(aesOf(key16, cU)), wrapped(key16, key32), unwrapped(pkcs11.CKK_AES, pkcs11.CKA_SENSITIVE)))
	}},

	{name: "unwrap template, agreed", do: underTemplate(master, but(unwrapped(pkcs11.CKK_AES, pkcs11.CKA_SENSITIVE))...)},
	{name: "unwrap template, left open", meant: meant{"010000", "CKR_TEMPLATE_INCONSISTENT", standard}, do: underTemplate(master, attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES))},
	{name: "unwrap template against readable", do: underTemplate(master, but(unwrapped(pkcs11.CKK_AES, pkcs11.CKA_SENSITIVE), off(pkcs11.CKA_SENSITIVE))...)},
	{name: "unwrap template against extractable", do: underTemplate(master, but(unwrapped(pkcs11.CKK_AES, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_EXTRACTABLE, true))...)},
	{name: "unwrap template against decrypt", do: underTemplate(master, but(unwrapped(pkcs11.CKK_AES, pkcs11.CKA_SENSITIVE), attr(cD, true))...)},
	{name: "unwrap template in a copy", do: func(g *ground) string {
		return nested(pkcs11.CKA_UNWRAP_TEMPLATE, master, func(a *pkcs11.Attribute) string {
			h, err := g.CopyObject(g.s, g.create(append(aesOf(key16, cU), a)), []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "copy")})
			check(g.t, err)
			return says(second(g.UnwrapKey(g.s, kw, h, wrapped(key16, key32), unwrapped(pkcs11.CKK_AES))))
		})
	}},

	{name: "derive", do: deriving(aesOf(key16, cDrv), key32, child(pkcs11.CKK_GENERIC_SECRET, 32)...)},
	{name: "derive the leading bytes", do: deriving(aesOf(key16, cDrv), key32, child(pkcs11.CKK_GENERIC_SECRET, 20)...)},
	{name: "derive AES", do: deriving(aesOf(key16, cDrv), key32, child(pkcs11.CKK_AES, 16)...)},
	{name: "derive AES of 20", do: deriving(aesOf(key16, cDrv), key32, child(pkcs11.CKK_AES, 20)...)},
	{name: "derive HMAC", meant: meant{"32 bytes", "CKR_TEMPLATE_INCONSISTENT", wider}, do: deriving(aesOf(key16, cDrv), key32, child(pkcs11.CKK_SHA256_HMAC, 32)...)},
	{name: "derive more than there is", meant: meant{"CKR_KEY_SIZE_RANGE", "CKR_FUNCTION_FAILED", named}, do: deriving(aesOf(key16, cDrv), key32, child(pkcs11.CKK_GENERIC_SECRET, 33)...)},
	{name: "derive from half a block", do: deriving(aesOf(key16, cDrv), key32[:24], child(pkcs11.CKK_GENERIC_SECRET, 16)...)},
	{name: "derive from nothing", do: deriving(aesOf(key16, cDrv), nil, child(pkcs11.CKK_GENERIC_SECRET, 16)...)},
	{name: "derive without length", do: deriving(aesOf(key16, cDrv), key32, child(pkcs11.CKK_GENERIC_SECRET, 16)[:len(child(0, 0))-1]...)},
	{name: "derive without key type", do: deriving(aesOf(key16, cDrv), key32, append(stated(), attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_VALUE_LEN, 16))...)},
	{name: "derive without class", meant: meant{"16 bytes", "CKR_TEMPLATE_INCOMPLETE", wider}, do: deriving(aesOf(key16, cDrv), key32, append(stated(), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET), attr(pkcs11.CKA_VALUE_LEN, 16))...)},
	{name: "derive as data", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "CKR_ATTRIBUTE_VALUE_INVALID", named}, do: deriving(aesOf(key16, cDrv), key32, but(child(pkcs11.CKK_GENERIC_SECRET, 16), attr(pkcs11.CKA_CLASS, pkcs11.CKO_DATA))...)},
	{name: "derive without the usage", do: deriving(aesOf(key16), key32, child(pkcs11.CKK_GENERIC_SECRET, 16)...)},
	{name: "derive from a generic secret", do: deriving(genericOf(key16, cDrv), key32, child(pkcs11.CKK_GENERIC_SECRET, 16)...)},
	{name: "derive without parameter", do: func(g *ground) string {
		return says(second(g.DeriveKey(g.s, plain(pkcs11.CKM_AES_ECB_ENCRYPT_DATA), g.create(aesOf(key16, cDrv)), child(pkcs11.CKK_GENERIC_SECRET, 16))))
	}},
	{name: "derive a readable key from a sensitive one", meant: meant{"CKR_TEMPLATE_INCONSISTENT", "16 bytes", hiddenValue}, do: deriving(aesOf(key16, cDrv, pkcs11.CKA_SENSITIVE), key32, child(pkcs11.CKK_GENERIC_SECRET, 16)...)},
	{name: "derive an unmodifiable key", do: deriving(aesOf(key16, cDrv), key32, append(child(pkcs11.CKK_GENERIC_SECRET, 16), off(pkcs11.CKA_MODIFIABLE))...)},
	{name: "derive an unmodifiable key, said first", meant: meant{"16 bytes", "CKR_ATTRIBUTE_READ_ONLY", standard}, do: deriving(aesOf(key16, cDrv), key32, append([]*pkcs11.Attribute{off(pkcs11.CKA_MODIFIABLE)}, child(pkcs11.CKK_GENERIC_SECRET, 16)...)...)},
	{name: "derive by CBC", do: cbcDerive(key32)},
	{name: "derive by CBC from half a block", do: cbcDerive(key32[:24])},
	{name: "derive with an empty check value", do: func(g *ground) string {
		h, err := g.derive(g.create(aesOf(key16, cDrv)), key32, append(child(pkcs11.CKK_GENERIC_SECRET, 32), attr(pkcs11.CKA_CHECK_VALUE, []byte{}))...)
		check(g.t, err)
		return gives(g.read(h, pkcs11.CKA_CHECK_VALUE))
	}},
	{name: "check value of a derived AES key", meant: meant{"8534ca", "66bd3b", standard}, do: func(g *ground) string {
		h, err := g.derive(g.create(aesOf(key16, cDrv)), key32, child(pkcs11.CKK_AES, 32)...)
		check(g.t, err)
		return gives(g.read(h, pkcs11.CKA_CHECK_VALUE))
	}},
	{name: "history of a derived key", do: func(g *ground) string {
		return g.history(g.derive(g.create(aesOf(key16, cDrv)), key32, child(pkcs11.CKK_AES, 32, pkcs11.CKA_SENSITIVE)...))
	}},
	{name: "history of a key derived from a generated one", do: func(g *ground) string {
		base, err := g.GenerateKey(g.s, plain(pkcs11.CKM_AES_KEY_GEN), append(stated(cDrv, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_VALUE_LEN, 16)))
		check(g.t, err)
		return g.history(g.derive(base, key32, child(pkcs11.CKK_AES, 32, pkcs11.CKA_SENSITIVE)...))
	}},

	{name: "OAEP", do: oaepTrip(oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, nil), oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, nil), false)},
	{name: "OAEP, changed", meant: meant{"CKR_WRAPPED_KEY_INVALID", "CKR_GENERAL_ERROR", named}, do: oaepTrip(oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, nil), oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, nil), true)},
	{name: "OAEP with SHA-256", meant: meant{"16 bytes", "wrap CKR_ARGUMENTS_BAD", wider}, do: oaepTrip(oaepOf(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, nil), oaepOf(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, nil), false)},
	{name: "OAEP with a label", meant: meant{"16 bytes", "wrap CKR_ARGUMENTS_BAD", wider}, do: oaepTrip(oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, key16), oaepOf(pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, key16), false)},
	{name: "OAEP without parameter", meant: meant{"wrap CKR_MECHANISM_PARAM_INVALID", "wrap CKR_ARGUMENTS_BAD", named}, do: oaepTrip(plain(pkcs11.CKM_RSA_PKCS_OAEP), plain(pkcs11.CKM_RSA_PKCS_OAEP), false)},
	{name: "RSA with PKCS #1 v1.5", meant: meant{"wrap CKR_MECHANISM_INVALID", "16 bytes", smaller}, do: oaepTrip(plain(pkcs11.CKM_RSA_PKCS), plain(pkcs11.CKM_RSA_PKCS), false)},
}

func flipped(b []byte) []byte {
	b[len(b)-1] ^= 1
	return b
}

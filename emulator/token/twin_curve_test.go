package token_test

import (
	"bytes"
	"crypto/ecdh"
	"fmt"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

func TestCurvesAsSoftHSM(t *testing.T) {
	here, there := memoryToken(t), softHSM(t)
	for _, c := range curveScenarios {
		t.Run(c.name, func(t *testing.T) { c.compare(t, here, there) })
	}
}

// theirs is the public key of the other side of an agreement, raw, the same on each curve.
func theirs(curve ecdh.Curve, size int) []byte {
	k, err := curve.NewPrivateKey(bytes.Repeat([]byte{1}, size))
	if err != nil {
		panic(err)
	}
	return k.PublicKey().Bytes()
}

// curveKey is a private key with a known value, which may be read.
func curveKey(at, size int) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), attr(pkcs11.CKA_KEY_TYPE, pairs[at].keyType),
		attr(pkcs11.CKA_EC_PARAMS, pairs[at].params), attr(pkcs11.CKA_VALUE, bytes.Repeat([]byte{2}, size)),
		attr(pkcs11.CKA_SENSITIVE, false), attr(pkcs11.CKA_EXTRACTABLE, true)}, on(cDrv)...)
}

// agreeing derives from a known private key and a known public one.
func agreeing(at, size int, public []byte, template []*pkcs11.Attribute) func(g *ground) string {
	return func(g *ground) string {
		base, err := g.CreateObject(g.s, curveKey(at, size))
		if err != nil {
			return "base " + says(err)
		}
		h, err := g.DeriveKey(g.s, ecdh1(pkcs11.CKD_NULL, public), base, template)
		return g.valueOf(h, err)
	}
}

// curveSignature is how long one is, and the answers to the right data, to other data, and
// to the signature shortened.
func curveSignature(at int, m []*pkcs11.Mechanism) func(g *ground) string {
	return func(g *ground) string {
		public, private, err := g.pairToSign(at)
		if err != nil {
			return "pair " + says(err)
		}
		if err := g.SignInit(g.s, m, private); err != nil {
			return "init " + says(err)
		}
		signature, err := g.Sign(g.s, key32)
		check(g.t, err)
		out := fmt.Sprint(len(signature))
		for _, c := range [][2][]byte{{key32, signature}, {key16, signature}, {key32, signature[1:]}} {
			check(g.t, g.VerifyInit(g.s, m, public))
			out += " " + says(g.Verify(g.s, c[0], c[1]))
		}
		return out
	}
}

func (g *ground) pairToSign(at int) (public, private pkcs11.ObjectHandle, err error) {
	return g.GenerateKeyPair(g.s, plain(pairs[at].generate), []*pkcs11.Attribute{attr(pkcs11.CKA_EC_PARAMS, pairs[at].params), attr(cV, true)},
		[]*pkcs11.Attribute{attr(cS, true)})
}

// updating is the answer to a part of a signature, and to its end after that.
func updating(at int, mech uint) func(g *ground) string {
	return func(g *ground) string {
		_, private, err := g.pairToSign(at)
		check(g.t, err)
		check(g.t, g.SignInit(g.s, plain(mech), private))
		part := says(g.SignUpdate(g.s, key32))
		_, err = g.SignFinal(g.s)
		return part + " " + says(err)
	}
}

var curveScenarios = []scenario{
	{name: "ECDSA by P-256", do: curveSignature(0, plain(pkcs11.CKM_ECDSA))},
	{name: "ECDSA by P-384", do: curveSignature(1, plain(pkcs11.CKM_ECDSA))},
	{name: "ECDSA by P-521", do: curveSignature(2, plain(pkcs11.CKM_ECDSA))},
	{name: "ECDSA in parts", do: updating(0, pkcs11.CKM_ECDSA)},
	{name: "Ed25519", do: curveSignature(3, plain(mechanism.CKM_EDDSA))},
	{name: "Ed25519 in parts", do: updating(3, mechanism.CKM_EDDSA)},
	{name: "agreement on P-256", do: agreeing(0, 32, theirs(ecdh.P256(), 32), child(pkcs11.CKK_GENERIC_SECRET, 32))},
	{name: "agreement on P-256, its end", do: agreeing(0, 32, theirs(ecdh.P256(), 32), child(pkcs11.CKK_GENERIC_SECRET, 16))},
	{name: "agreement on P-256 for AES", do: agreeing(0, 32, theirs(ecdh.P256(), 32), child(pkcs11.CKK_AES, 24))},
	{name: "agreement on P-384", do: agreeing(1, 48, theirs(ecdh.P384(), 48), child(pkcs11.CKK_GENERIC_SECRET, 48))},
	{name: "agreement on P-521", do: agreeing(2, 65, theirs(ecdh.P521(), 66), child(pkcs11.CKK_GENERIC_SECRET, 66))},
	{name: "agreement with a DER point", do: agreeing(0, 32, mechanism.EncodePoint(theirs(ecdh.P256(), 32)), child(pkcs11.CKK_GENERIC_SECRET, 32))},
	{name: "agreement for more than there is", meant: meant{"CKR_KEY_SIZE_RANGE", "CKR_FUNCTION_FAILED", named}, do: agreeing(0, 32, theirs(ecdh.P256(), 32), child(pkcs11.CKK_GENERIC_SECRET, 33))},
	{name: "agreement without a length", do: agreeing(0, 32, theirs(ecdh.P256(), 32), append(stated(), attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET)))},
	{name: "agreement with no point", meant: meant{"CKR_MECHANISM_PARAM_INVALID", "CKR_GENERAL_ERROR", named}, do: agreeing(0, 32, []byte{4, 1, 2}, child(pkcs11.CKK_GENERIC_SECRET, 32))},
	{name: "agreement on X25519", meant: meant{"32 bytes", "base CKR_ATTRIBUTE_VALUE_INVALID", wider}, do: agreeing(5, 32, theirs(ecdh.X25519(), 32), child(pkcs11.CKK_GENERIC_SECRET, 32))},
	{name: "a pair on no curve", do: func(g *ground) string {
		_, _, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_EC_KEY_PAIR_GEN), on(cV), on(cS))
		return says(err)
	}},
	{name: "a pair on an unknown curve", meant: meant{"CKR_CURVE_NOT_SUPPORTED", "CKR_GENERAL_ERROR", named}, do: func(g *ground) string {
		_, _, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_EC_KEY_PAIR_GEN), append(on(cV), attr(pkcs11.CKA_EC_PARAMS, oid(1, 2, 3, 4))), on(cS))
		return says(err)
	}},
	{name: "the value of a private key", do: func(g *ground) string {
		return gives(g.read(g.create(curveKey(0, 31)), pkcs11.CKA_VALUE))
	}},
}

// What one of the two wraps, the other unwraps, save where SoftHSM pads the key with zeros
// that no reader can tell from a part of it.
func TestWrappedCurveKeysOfSoftHSM(t *testing.T) {
	here, there := memoryToken(t), softHSM(t)
	for at, size := range []int{32, 48, 65} {
		padded := uint(pkcs11.CKR_WRAPPED_KEY_INVALID)
		if at == 1 { // a multiple of eight bytes
			padded = 0
		}
		wants(t, pairs[at].name+" from here", moves(here, there, at, size), 0)
		wants(t, pairs[at].name+" from SoftHSM", moves(there, here, at, size), padded)
	}
}

// moves takes a private key from one token to another.
func moves(from, to *ground, at, size int) error {
	wrap := plain(pkcs11.CKM_AES_KEY_WRAP_PAD)
	blob, err := from.WrapKey(from.s, wrap, from.create(aesOf(key16, cW)), from.create(curveKey(at, size)))
	check(from.t, err)
	h, err := to.UnwrapKey(to.s, wrap, to.create(aesOf(key16, cU)), blob, []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		attr(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC), attr(pkcs11.CKA_SENSITIVE, false), attr(pkcs11.CKA_EXTRACTABLE, true)})
	if err != nil {
		return err
	}
	if got, err := to.read(h, pkcs11.CKA_VALUE); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{2}, size)) {
		to.t.Errorf("%s: %x, %v", pairs[at].name, got, err)
	}
	return nil
}

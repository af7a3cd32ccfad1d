package token_test

import (
	"testing"

	"github.com/miekg/pkcs11"
)

// asking is a token with a private key that asks for the PIN at each use, and a
// ciphertext for it.
func asking(t *testing.T) (g *ground, private pkcs11.ObjectHandle, ciphertext []byte) {
	t.Helper()
	g = memoryToken(t)
	public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN), append(on(cE), bits1024), on(cS, cD, pkcs11.CKA_ALWAYS_AUTHENTICATE))
	check(t, err)
	check(t, g.EncryptInit(g.s, oaep(), public))
	ciphertext, err = g.Encrypt(g.s, key16)
	check(t, err)
	return g, private, ciphertext
}

func oaep() []*pkcs11.Mechanism { return oaepOf(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, nil) }

func (g *ground) signWith(key pkcs11.ObjectHandle) {
	g.t.Helper()
	check(g.t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_RSA_PKCS), key))
}

func (g *ground) prove(PIN string) error { return g.Login(g.s, pkcs11.CKU_CONTEXT_SPECIFIC, PIN) }

// One PIN, given after the Init, serves one use, in one part or in many.
func TestAlwaysAuthenticate(t *testing.T) {
	g, key, ciphertext := asking(t)
	wants(t, "a PIN before the operation", g.prove(userPIN), pkcs11.CKR_OPERATION_NOT_INITIALIZED)

	g.signWith(key)
	_, err := g.Sign(g.s, key16)
	wants(t, "C_Sign without a PIN", err, pkcs11.CKR_USER_NOT_LOGGED_IN)
	wants(t, "the operation has ended", g.prove(userPIN), pkcs11.CKR_OPERATION_NOT_INITIALIZED)

	g.signWith(key)
	wants(t, "C_SignUpdate without a PIN", g.SignUpdate(g.s, key16), pkcs11.CKR_USER_NOT_LOGGED_IN)

	g.signWith(key)
	check(t, g.prove(userPIN))
	wants(t, "a second PIN", g.prove(userPIN), pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, g.SignUpdate(g.s, key16))
	_, err = g.SignFinal(g.s)
	wants(t, "many parts after one PIN", err, pkcs11.CKR_OK)

	g.signWith(key)
	_, err = g.Sign(g.s, key16)
	wants(t, "the next signature", err, pkcs11.CKR_USER_NOT_LOGGED_IN)

	check(t, g.DecryptInit(g.s, oaep(), key))
	check(t, g.prove(userPIN))
	_, err = g.Decrypt(g.s, ciphertext)
	wants(t, "C_Decrypt after a PIN", err, pkcs11.CKR_OK)
}

// Of two operations that wait, the one begun last gets the PIN.
func TestAPINServesOneOfTwoOperations(t *testing.T) {
	g, key, ciphertext := asking(t)
	check(t, g.DecryptInit(g.s, oaep(), key))
	g.signWith(key)
	check(t, g.prove(userPIN))
	_, err := g.Sign(g.s, key16)
	wants(t, "the last", err, pkcs11.CKR_OK)
	_, err = g.Decrypt(g.s, ciphertext)
	wants(t, "the first", err, pkcs11.CKR_USER_NOT_LOGGED_IN)
}

// A wrong PIN leaves login and operation; the one that locks, and every later one, counts
// as at any C_Login, and a locked PIN logs out.
func TestWrongPINsForOneOperation(t *testing.T) {
	g, key, _ := asking(t)
	g.signWith(key)
	wants(t, "a wrong PIN", g.prove("000000"), pkcs11.CKR_PIN_INCORRECT)
	check(t, g.prove(userPIN))
	_, err := g.Sign(g.s, key16)
	wants(t, "after the right one", err, pkcs11.CKR_OK)

	g.signWith(key)
	for range 10 {
		wants(t, "a wrong PIN", g.prove("000000"), pkcs11.CKR_PIN_INCORRECT)
	}
	wants(t, "the right PIN, too late", g.prove(userPIN), pkcs11.CKR_PIN_LOCKED)
	wants(t, "the login has ended", g.Logout(g.s), pkcs11.CKR_USER_NOT_LOGGED_IN)
	_, err = g.Sign(g.s, key16)
	wants(t, "and the operation", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
}

// A key that asks is private, stays one that asks, and does no work that has no moment
// for the PIN.
func TestWhatAlwaysAuthenticateRulesOut(t *testing.T) {
	g := memoryToken(t)
	_, _, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN), []*pkcs11.Attribute{bits1024}, append(on(cS, pkcs11.CKA_ALWAYS_AUTHENTICATE), off(pkcs11.CKA_PRIVATE)))
	wants(t, "a key for all", err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
	public, private, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN), append(on(cW), bits1024), on(cU, pkcs11.CKA_ALWAYS_AUTHENTICATE))
	check(t, err)
	wants(t, "never again", g.SetAttributeValue(g.s, private, []*pkcs11.Attribute{off(pkcs11.CKA_ALWAYS_AUTHENTICATE)}), pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	_, err = g.CopyObject(g.s, private, []*pkcs11.Attribute{off(pkcs11.CKA_ALWAYS_AUTHENTICATE)})
	wants(t, "not in a copy", err, pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	blob, err := g.WrapKey(g.s, oaep(), public, g.create(aesOf(key16, pkcs11.CKA_EXTRACTABLE)))
	check(t, err)
	_, err = g.UnwrapKey(g.s, oaep(), private, blob, unwrapped(pkcs11.CKK_AES))
	wants(t, "C_UnwrapKey", err, pkcs11.CKR_USER_NOT_LOGGED_IN)
}

package token_test

import (
	"testing"

	"github.com/miekg/pkcs11"
)

// rsaPair makes a pair with usages of its halves.
func (g *ground) rsaPair(public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle) {
	g.t.Helper()
	pub, priv, err := g.GenerateKeyPair(g.s, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN), append(public, attr(pkcs11.CKA_MODULUS_BITS, 1024)), private)
	check(g.t, err)
	return pub, priv
}

// A signature with recovery gives its data back, in one call of a session at a time.
func TestSignaturesWithRecovery(t *testing.T) {
	g := memoryToken(t)
	public, private := g.rsaPair(on(pkcs11.CKA_VERIFY_RECOVER), on(pkcs11.CKA_SIGN_RECOVER))
	m := plain(pkcs11.CKM_RSA_PKCS)
	check(t, g.SignRecoverInit(g.s, m, private))
	wants(t, "a second", g.SignRecoverInit(g.s, m, private), pkcs11.CKR_OPERATION_ACTIVE)
	signature, err := g.SignRecover(g.s, []byte("data"))
	check(t, err)
	_, err = g.SignRecover(g.s, []byte("data"))
	wants(t, "once more", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, g.VerifyRecoverInit(g.s, m, public))
	if got, err := g.VerifyRecover(g.s, signature); err != nil || string(got) != "data" {
		t.Errorf("%q, %v", got, err)
	}
	check(t, g.VerifyRecoverInit(g.s, m, public))
	_, err = g.VerifyRecover(g.s, signature[1:])
	wants(t, "a short signature", err, pkcs11.CKR_SIGNATURE_LEN_RANGE)
	_, err = g.VerifyRecover(g.s, signature)
	wants(t, "after an error", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)

	wants(t, "SIGN alone", g.SignRecoverInit(g.s, m, second2(g.rsaPair(nil, on(cS)))), pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED)
	wants(t, "a digest", g.SignRecoverInit(g.s, plain(pkcs11.CKM_SHA256_RSA_PKCS), private), pkcs11.CKR_MECHANISM_INVALID)
	check(t, g.SignRecoverInit(g.s, m, private))
	_, err = g.GetOperationState(g.s)
	wants(t, "its state", err, pkcs11.CKR_STATE_UNSAVEABLE)
	check(t, extended(g).SessionCancel(g.s, pkcs11.CKF_SIGN_RECOVER))
	_, err = g.SignRecover(g.s, []byte("data"))
	wants(t, "a cancelled one", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, g.SignRecoverInit(g.s, m, private))
	check(t, g.Logout(g.s))
	_, err = g.SignRecover(g.s, []byte("data"))
	wants(t, "after a logout", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
}

func second2[A, B any](_ A, b B) B { return b }

// A key that wants the PIN for each use wants it for a signature with recovery too.
func TestRecoveryAsksForThePIN(t *testing.T) {
	g := memoryToken(t)
	_, private := g.rsaPair(nil, on(pkcs11.CKA_SIGN_RECOVER, pkcs11.CKA_ALWAYS_AUTHENTICATE))
	for PIN, code := range map[string]uint{"": pkcs11.CKR_USER_NOT_LOGGED_IN, userPIN: pkcs11.CKR_OK} {
		check(t, g.SignRecoverInit(g.s, plain(pkcs11.CKM_RSA_PKCS), private))
		if PIN != "" {
			check(t, g.Login(g.s, pkcs11.CKU_CONTEXT_SPECIFIC, PIN))
		}
		_, err := g.SignRecover(g.s, []byte("data"))
		wants(t, "PIN "+PIN, err, code)
	}
}

// Raw RSA under a key that unwraps would read what was wrapped for it.
func TestRawSignaturesReadNoWrappedKey(t *testing.T) {
	g := memoryToken(t)
	for _, usage := range []uint{cD, cU} {
		_, private := g.rsaPair(nil, on(cS, pkcs11.CKA_SIGN_RECOVER, usage))
		raw := plain(pkcs11.CKM_RSA_X_509)
		wants(t, "C_SignInit", g.SignInit(g.s, raw, private), pkcs11.CKR_MECHANISM_INVALID)
		wants(t, "C_SignRecoverInit", g.SignRecoverInit(g.s, raw, private), pkcs11.CKR_MECHANISM_INVALID)
		check(t, g.SetAttributeValue(g.s, private, []*pkcs11.Attribute{attr(usage, false)}))
		wants(t, "when it unwraps no more", g.SignInit(g.s, raw, private), pkcs11.CKR_MECHANISM_INVALID)
		wants(t, "with padding", g.SignInit(g.s, plain(pkcs11.CKM_SHA256_RSA_PKCS), private), 0)
		check(t, extended(g).SessionCancel(g.s, ^uint(0)))
	}
	for _, usage := range []uint{cW, cE} {
		_, private := g.rsaPair(on(usage), on(cS))
		wants(t, "its public half wraps or encrypts", g.SignInit(g.s, plain(pkcs11.CKM_RSA_X_509), private), pkcs11.CKR_MECHANISM_INVALID)
	}
}

// Once a raw signature is begun, no key of the pair wraps, unwraps, encrypts or decrypts.
func TestRawSignaturesAreRemembered(t *testing.T) {
	g := memoryToken(t)
	public, private := g.rsaPair(nil, on(cS))
	check(t, g.SignInit(g.s, plain(pkcs11.CKM_RSA_X_509), must(g.CopyObject(g.s, private, nil))))
	for name, err := range map[string]error{
		"UNWRAP":                     g.SetAttributeValue(g.s, private, on(cU)),
		"DECRYPT":                    g.SetAttributeValue(g.s, private, on(cD)),
		"ENCRYPT of the public half": g.SetAttributeValue(g.s, public, on(cE)),
		"a copy with UNWRAP":         second(g.CopyObject(g.s, private, on(cU))),
		"the public half, once more": second(g.publicAgain(public, cW)),
	} {
		wants(t, name, err, pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	_, other := g.rsaPair(nil, on(cS))
	bad := with(pkcs11.CKM_RSA_X_509, []byte{1})
	wants(t, "a parameter where none belongs", g.SignInit(g.session(), bad, other), pkcs11.CKR_MECHANISM_PARAM_INVALID)
	wants(t, "DECRYPT, where no signature was begun", g.SetAttributeValue(g.s, other, on(cD)), 0)
	wants(t, "the public half, to verify", second(g.publicAgain(public, pkcs11.CKA_VERIFY)), 0)
	wants(t, "another signature", g.SignInit(g.session(), plain(pkcs11.CKM_RSA_X_509), private), 0)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

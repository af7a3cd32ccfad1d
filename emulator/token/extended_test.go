package token_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

func extended(g *ground) cryptoki.Extended { return cryptoki.Extend(g.Module) }

// What can be read of a key comes beside the error about what cannot.
func TestAttributeValuesOfAHiddenKey(t *testing.T) {
	g := memoryToken(t)
	key := g.create(aesOf(key32, cE, pkcs11.CKA_SENSITIVE))
	got, err := extended(g).AttributeValues(g.s, key, []uint{pkcs11.CKA_CLASS, pkcs11.CKA_VALUE, pkcs11.CKA_MODULUS})
	wants(t, "a hidden value first", err, pkcs11.CKR_ATTRIBUTE_SENSITIVE)
	if len(got) != 3 || got[0].Unavailable || !got[1].Unavailable || !got[2].Unavailable || got[1].Value != nil {
		t.Errorf("got %+v", got)
	}
	_, err = extended(g).AttributeValues(g.s, key, []uint{pkcs11.CKA_MODULUS, pkcs11.CKA_VALUE})
	wants(t, "an attribute that it does not have first", err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
	_, err = extended(g).AttributeValues(g.s, 1<<40, []uint{pkcs11.CKA_CLASS})
	wants(t, "no object", err, pkcs11.CKR_OBJECT_HANDLE_INVALID)
}

// C_SessionCancel ends what its flags name, and nothing else (v3.0 §5.6.11).
func TestSessionCancelEndsWhatItNames(t *testing.T) {
	g := memoryToken(t)
	key := g.create(genericOf(key32, cS))
	check(t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)))
	check(t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), key))
	check(t, g.FindObjectsInit(g.s, nil))
	check(t, extended(g).SessionCancel(g.s, pkcs11.CKF_SIGN|cryptoki.CKF_FIND_OBJECTS))
	_, err := g.Sign(g.s, []byte("message"))
	wants(t, "the signature that was cancelled", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	wants(t, "the search that was cancelled", g.FindObjectsFinal(g.s), pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	_, err = g.Digest(g.s, []byte("message"))
	wants(t, "the digest that was not", err, pkcs11.CKR_OK)
	check(t, extended(g).SessionCancel(g.s, ^uint(0)))
	wants(t, "no session", extended(g).SessionCancel(1<<40, 0), pkcs11.CKR_SESSION_HANDLE_INVALID)
}

func TestLoginUserKnowsNoNames(t *testing.T) {
	g := memoryToken(t)
	check(t, g.Logout(g.s))
	wants(t, "a name", extended(g).LoginUser(g.s, pkcs11.CKU_USER, userPIN, "alice"), pkcs11.CKR_USER_TYPE_INVALID)
	wants(t, "a wrong PIN", extended(g).LoginUser(g.s, pkcs11.CKU_USER, "000000", ""), pkcs11.CKR_PIN_INCORRECT)
	wants(t, "no name", extended(g).LoginUser(g.s, pkcs11.CKU_USER, userPIN, ""), pkcs11.CKR_OK)
}

// A token that is taken out takes its sessions with it; the slot says so, and says when it
// is back. What was stored is there again.
func TestATokenIsTakenOutAndPutBack(t *testing.T) {
	m, err := token.New(token.Config{Label: "out", SOPIN: soPIN, UserPIN: userPIN})
	check(t, err)
	check(t, m.Initialize())
	s, err := m.OpenSession(0, rw)
	check(t, err)
	check(t, m.Login(s, pkcs11.CKU_USER, userPIN))
	_, err = m.CreateObject(s, but(genericOf(key32, cS), attr(pkcs11.CKA_TOKEN, true), attr(pkcs11.CKA_LABEL, "stays")))
	check(t, err)
	_, err = m.SlotEvent(pkcs11.CKF_DONT_BLOCK)
	wants(t, "before anything happened", err, pkcs11.CKR_NO_EVENT)

	waiting := m.WaitForSlotEvent(0)
	check(t, m.Eject(0))
	if event, ok := <-waiting; !ok || event.SlotID != 0 {
		t.Errorf("the wait ended with %v, %v", event, ok)
	}
	_, err = m.GetSessionInfo(s)
	wants(t, "its session", err, pkcs11.CKR_SESSION_HANDLE_INVALID)
	_, err = m.OpenSession(0, rw)
	wants(t, "a new session", err, pkcs11.CKR_TOKEN_NOT_PRESENT)
	_, err = m.GetTokenInfo(0)
	wants(t, "C_GetTokenInfo", err, pkcs11.CKR_TOKEN_NOT_PRESENT)
	present, _ := m.GetSlotList(true)
	all, _ := m.GetSlotList(false)
	if len(present) != 0 || len(all) != 1 {
		t.Errorf("slots with a token %v, all %v", present, all)
	}

	check(t, m.Insert(0))
	slot, err := m.SlotEvent(pkcs11.CKF_DONT_BLOCK)
	wants(t, "the token is back", err, pkcs11.CKR_OK)
	if info, err := m.GetSlotInfo(slot); err != nil || info.Flags&pkcs11.CKF_TOKEN_PRESENT == 0 {
		t.Errorf("%+v, %v", info, err)
	}
	g := &ground{Module: m, t: t}
	g.s = g.session()
	check(t, m.Login(g.s, pkcs11.CKU_USER, userPIN))
	if found := g.find(attr(pkcs11.CKA_LABEL, "stays")); len(found) != 1 {
		t.Errorf("found %d objects", len(found))
	}
}

// C_Finalize ends a wait for slots (v2.40 §5.5).
func TestFinalizeEndsAWaitForSlots(t *testing.T) {
	m, err := token.New(token.Config{})
	check(t, err)
	check(t, m.Initialize())
	ended := make(chan error)
	go func() {
		_, err := m.SlotEvent(0)
		ended <- err
	}()
	check(t, m.Finalize())
	wants(t, "the wait", <-ended, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
}

// Slots have the ids that the configuration fixes, whatever their order.
func TestFixedSlots(t *testing.T) {
	m, err := token.New(token.Config{Fixed: []token.Slot{{ID: 7, Label: "seven", SOPIN: soPIN, UserPIN: userPIN}, {ID: 2, Label: "two", SOPIN: soPIN, UserPIN: userPIN}}})
	check(t, err)
	check(t, m.Initialize())
	for id, label := range map[uint]string{7: "seven", 2: "two"} {
		info, err := m.GetTokenInfo(id)
		if err != nil || info.Label != label {
			t.Errorf("slot %d: %q, %v", id, info.Label, err)
		}
	}
	_, err = m.GetTokenInfo(0)
	wants(t, "slot 0", err, pkcs11.CKR_SLOT_ID_INVALID)
	if _, err := token.New(token.Config{Fixed: []token.Slot{{ID: 1}, {ID: 1}}}); err == nil {
		t.Error("two slots with one id")
	}
}

// The combined functions do to each part what the two single ones do (v2.40 §5.13).
func TestCombinedOperations(t *testing.T) {
	g := memoryToken(t)
	enc, mac := g.create(aesOf(key32, cE)), g.create(genericOf(key32, cS, cV))
	dec := g.create(aesOf(key32, cD))
	iv, message := make([]byte, 16), bytes.Repeat([]byte("0123456789abcdef"), 3)
	cbc := with(pkcs11.CKM_AES_CBC, iv)
	block, _ := aes.NewCipher(key32)
	want := make([]byte, len(message))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(want, message)

	check(t, g.EncryptInit(g.s, cbc, enc))
	_, err := g.DigestEncryptUpdate(g.s, message)
	wants(t, "without a digest", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)))
	out, err := g.DigestEncryptUpdate(g.s, message)
	check(t, err)
	last, err := g.EncryptFinal(g.s)
	check(t, err)
	digest, err := g.DigestFinal(g.s)
	check(t, err)
	if sum := sha256.Sum256(message); !bytes.Equal(append(out, last...), want) || !bytes.Equal(digest, sum[:]) {
		t.Error("C_DigestEncryptUpdate: another ciphertext or digest")
	}

	check(t, g.DecryptInit(g.s, cbc, dec))
	check(t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)))
	clear, err := g.DecryptDigestUpdate(g.s, want)
	check(t, err)
	_, err = g.DecryptFinal(g.s)
	check(t, err)
	again, err := g.DigestFinal(g.s)
	check(t, err)
	if !bytes.Equal(clear, message) || !bytes.Equal(again, digest) {
		t.Error("C_DecryptDigestUpdate: another text or digest")
	}

	check(t, g.EncryptInit(g.s, cbc, enc))
	check(t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac))
	out, err = g.SignEncryptUpdate(g.s, message)
	check(t, err)
	_, err = g.EncryptFinal(g.s)
	check(t, err)
	tag, err := g.SignFinal(g.s)
	check(t, err)
	check(t, g.DecryptInit(g.s, cbc, dec))
	check(t, g.VerifyInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac))
	_, err = g.DecryptVerifyUpdate(g.s, out)
	check(t, err)
	_, err = g.DecryptFinal(g.s)
	check(t, err)
	wants(t, "the MAC of the text", g.VerifyFinal(g.s, tag), pkcs11.CKR_OK)
}

// No state is given out or taken in, and the codes say why.
func TestOperationStatesAreRefused(t *testing.T) {
	g := memoryToken(t)
	_, err := g.GetOperationState(g.s)
	wants(t, "no operation", err, pkcs11.CKR_OPERATION_NOT_INITIALIZED)
	check(t, g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)))
	_, err = g.GetOperationState(g.s)
	wants(t, "a digest", err, pkcs11.CKR_STATE_UNSAVEABLE)
	wants(t, "a state", g.SetOperationState(g.s, []byte("state"), 0, 0), pkcs11.CKR_SAVED_STATE_INVALID)
	wants(t, "no session", g.SetOperationState(1<<40, nil, 0, 0), pkcs11.CKR_SESSION_HANDLE_INVALID)
}

// A wait belongs to the run of the module that it began in: C_Finalize ends it also where
// C_Initialize follows at once.
func TestAWaitEndsWithItsRun(t *testing.T) {
	g := memoryToken(t)
	waits := make(chan struct{})
	ended := make(chan error)
	go func() {
		close(waits)
		_, err := extended(g).SlotEvent(0)
		ended <- err
	}()
	<-waits
	for range 1000 { // the wait may begin in any of these runs: the last one ends it
		check(t, g.Finalize())
		check(t, g.Initialize())
	}
	check(t, g.Finalize())
	wants(t, "the wait", <-ended, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	check(t, g.Initialize())
}

// Only the security officer learns what is wrong with a PIN that it would set.
func TestInitPINLooksAtTheRoleFirst(t *testing.T) {
	g := memoryToken(t)
	wants(t, "the user, and a PIN too short", g.InitPIN(g.s, "1"), pkcs11.CKR_USER_NOT_LOGGED_IN)
}

// Package cryptoki is the seam of every PKCS#11 token in this project: a loaded
// library, the Go token and each layer around one are all a Module.
//
// Start at Module. Open loads a shared library; Around puts code before and
// after every call; params.go is the only reader of mechanism parameters.
package cryptoki

import "github.com/miekg/pkcs11"

// Module is PKCS#11 v2.40 as *pkcs11.Ctx of miekg/pkcs11 spells it. Errors are
// pkcs11.Error values (CKR codes). Methods may be called from many goroutines;
// a session serves one caller at a time.
type Module interface {
	Initialize(opts ...pkcs11.InitializeOption) error
	Finalize() error
	GetInfo() (pkcs11.Info, error)
	GetSlotList(tokenPresent bool) ([]uint, error)
	GetSlotInfo(slotID uint) (pkcs11.SlotInfo, error)
	GetTokenInfo(slotID uint) (pkcs11.TokenInfo, error)
	GetMechanismList(slotID uint) ([]*pkcs11.Mechanism, error)
	GetMechanismInfo(slotID uint, m []*pkcs11.Mechanism) (pkcs11.MechanismInfo, error)
	InitToken(slotID uint, PIN string, label string) error
	InitPIN(sh pkcs11.SessionHandle, PIN string) error
	SetPIN(sh pkcs11.SessionHandle, oldPIN, newPIN string) error

	OpenSession(slotID uint, flags uint) (pkcs11.SessionHandle, error)
	CloseSession(sh pkcs11.SessionHandle) error
	CloseAllSessions(slotID uint) error
	GetSessionInfo(sh pkcs11.SessionHandle) (pkcs11.SessionInfo, error)
	GetOperationState(sh pkcs11.SessionHandle) ([]byte, error)
	SetOperationState(sh pkcs11.SessionHandle, state []byte, encryptKey, authKey pkcs11.ObjectHandle) error
	Login(sh pkcs11.SessionHandle, userType uint, PIN string) error
	Logout(sh pkcs11.SessionHandle) error

	CreateObject(sh pkcs11.SessionHandle, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	CopyObject(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	DestroyObject(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle) error
	GetObjectSize(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle) (uint, error)
	GetAttributeValue(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error)
	SetAttributeValue(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) error
	FindObjectsInit(sh pkcs11.SessionHandle, temp []*pkcs11.Attribute) error
	FindObjects(sh pkcs11.SessionHandle, max int) ([]pkcs11.ObjectHandle, bool, error)
	FindObjectsFinal(sh pkcs11.SessionHandle) error

	EncryptInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error
	Encrypt(sh pkcs11.SessionHandle, message []byte) ([]byte, error)
	EncryptUpdate(sh pkcs11.SessionHandle, plain []byte) ([]byte, error)
	EncryptFinal(sh pkcs11.SessionHandle) ([]byte, error)
	DecryptInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error
	Decrypt(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error)
	DecryptUpdate(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error)
	DecryptFinal(sh pkcs11.SessionHandle) ([]byte, error)
	DigestInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism) error
	Digest(sh pkcs11.SessionHandle, message []byte) ([]byte, error)
	DigestUpdate(sh pkcs11.SessionHandle, message []byte) error
	DigestKey(sh pkcs11.SessionHandle, key pkcs11.ObjectHandle) error
	DigestFinal(sh pkcs11.SessionHandle) ([]byte, error)
	SignInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error
	Sign(sh pkcs11.SessionHandle, message []byte) ([]byte, error)
	SignUpdate(sh pkcs11.SessionHandle, message []byte) error
	SignFinal(sh pkcs11.SessionHandle) ([]byte, error)
	SignRecoverInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error
	SignRecover(sh pkcs11.SessionHandle, data []byte) ([]byte, error)
	VerifyInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error
	Verify(sh pkcs11.SessionHandle, data []byte, signature []byte) error
	VerifyUpdate(sh pkcs11.SessionHandle, part []byte) error
	VerifyFinal(sh pkcs11.SessionHandle, signature []byte) error
	VerifyRecoverInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error
	VerifyRecover(sh pkcs11.SessionHandle, signature []byte) ([]byte, error)
	DigestEncryptUpdate(sh pkcs11.SessionHandle, part []byte) ([]byte, error)
	DecryptDigestUpdate(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error)
	SignEncryptUpdate(sh pkcs11.SessionHandle, part []byte) ([]byte, error)
	DecryptVerifyUpdate(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error)

	GenerateKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	GenerateKeyPair(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error)
	WrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, wrappingKey, key pkcs11.ObjectHandle) ([]byte, error)
	UnwrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, unwrappingKey pkcs11.ObjectHandle, wrappedKey []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	DeriveKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, baseKey pkcs11.ObjectHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	SeedRandom(sh pkcs11.SessionHandle, seed []byte) error
	GenerateRandom(sh pkcs11.SessionHandle, length int) ([]byte, error)
	WaitForSlotEvent(flags uint) chan pkcs11.SlotEvent
	Destroy()
}

var _ Module = (*pkcs11.Ctx)(nil)

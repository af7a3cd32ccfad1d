package hsm

import (
	"time"

	"github.com/miekg/pkcs11"
)

// The calls of bounded.

func (b *bounded) none(sh pkcs11.SessionHandle, call func() error) error {
	_, err := limited(b, b.patience, sh, func() (struct{}, error) { return struct{}{}, call() }, nil)
	return err
}

func one[T any](b *bounded, sh pkcs11.SessionHandle, call func() (T, error)) (T, error) {
	return limited(b, b.patience, sh, call, nil)
}

func (b *bounded) long() time.Duration { return longer * b.patience }

// two are the results of a call that has two.
type two[T, U any] struct {
	first  T
	second U
}

func (b *bounded) GetInfo() (pkcs11.Info, error) {
	return one(b, 0, func() (pkcs11.Info, error) { return b.PKCS11.GetInfo() })
}

func (b *bounded) GetSlotList(tokenPresent bool) ([]uint, error) {
	return one(b, 0, func() ([]uint, error) { return b.PKCS11.GetSlotList(tokenPresent) })
}

func (b *bounded) GetTokenInfo(slotID uint) (pkcs11.TokenInfo, error) {
	return one(b, 0, func() (pkcs11.TokenInfo, error) { return b.PKCS11.GetTokenInfo(slotID) })
}

func (b *bounded) GetMechanismList(slotID uint) ([]*pkcs11.Mechanism, error) {
	return one(b, 0, func() ([]*pkcs11.Mechanism, error) { return b.PKCS11.GetMechanismList(slotID) })
}

func (b *bounded) GetSessionInfo(sh pkcs11.SessionHandle) (pkcs11.SessionInfo, error) {
	return one(b, sh, func() (pkcs11.SessionInfo, error) { return b.PKCS11.GetSessionInfo(sh) })
}

func (b *bounded) CreateObject(sh pkcs11.SessionHandle, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return one(b, sh, func() (pkcs11.ObjectHandle, error) { return b.PKCS11.CreateObject(sh, temp) })
}

func (b *bounded) CopyObject(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return one(b, sh, func() (pkcs11.ObjectHandle, error) { return b.PKCS11.CopyObject(sh, o, temp) })
}

func (b *bounded) DestroyObject(sh pkcs11.SessionHandle, oh pkcs11.ObjectHandle) error {
	return b.none(sh, func() error { return b.PKCS11.DestroyObject(sh, oh) })
}

func (b *bounded) GetAttributeValue(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	return one(b, sh, func() ([]*pkcs11.Attribute, error) { return b.PKCS11.GetAttributeValue(sh, o, a) })
}

func (b *bounded) SetAttributeValue(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, a []*pkcs11.Attribute) error {
	return b.none(sh, func() error { return b.PKCS11.SetAttributeValue(sh, o, a) })
}

func (b *bounded) FindObjectsInit(sh pkcs11.SessionHandle, temp []*pkcs11.Attribute) error {
	return b.none(sh, func() error { return b.PKCS11.FindObjectsInit(sh, temp) })
}

func (b *bounded) FindObjectsFinal(sh pkcs11.SessionHandle) error {
	return b.none(sh, func() error { return b.PKCS11.FindObjectsFinal(sh) })
}

func (b *bounded) EncryptInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	return b.none(sh, func() error { return b.PKCS11.EncryptInit(sh, m, o) })
}

func (b *bounded) Encrypt(sh pkcs11.SessionHandle, message []byte) ([]byte, error) {
	return one(b, sh, func() ([]byte, error) { return b.PKCS11.Encrypt(sh, message) })
}

func (b *bounded) DecryptInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	return b.none(sh, func() error { return b.PKCS11.DecryptInit(sh, m, o) })
}

func (b *bounded) Decrypt(sh pkcs11.SessionHandle, cipher []byte) ([]byte, error) {
	return one(b, sh, func() ([]byte, error) { return b.PKCS11.Decrypt(sh, cipher) })
}

func (b *bounded) SignInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	return b.none(sh, func() error { return b.PKCS11.SignInit(sh, m, o) })
}

func (b *bounded) Sign(sh pkcs11.SessionHandle, message []byte) ([]byte, error) {
	return one(b, sh, func() ([]byte, error) { return b.PKCS11.Sign(sh, message) })
}

func (b *bounded) VerifyInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	return b.none(sh, func() error { return b.PKCS11.VerifyInit(sh, m, key) })
}

func (b *bounded) Verify(sh pkcs11.SessionHandle, data []byte, signature []byte) error {
	return b.none(sh, func() error { return b.PKCS11.Verify(sh, data, signature) })
}

func (b *bounded) GenerateKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, temp []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return one(b, sh, func() (pkcs11.ObjectHandle, error) { return b.PKCS11.GenerateKey(sh, m, temp) })
}

func (b *bounded) WrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, wrappingKey, key pkcs11.ObjectHandle) ([]byte, error) {
	return one(b, sh, func() ([]byte, error) { return b.PKCS11.WrapKey(sh, m, wrappingKey, key) })
}

func (b *bounded) UnwrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, unwrappingKey pkcs11.ObjectHandle, wrappedKey []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return one(b, sh, func() (pkcs11.ObjectHandle, error) { return b.PKCS11.UnwrapKey(sh, m, unwrappingKey, wrappedKey, a) })
}

func (b *bounded) DeriveKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, baseKey pkcs11.ObjectHandle, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return one(b, sh, func() (pkcs11.ObjectHandle, error) { return b.PKCS11.DeriveKey(sh, m, baseKey, a) })
}

func (b *bounded) GenerateRandom(sh pkcs11.SessionHandle, length int) ([]byte, error) {
	return one(b, sh, func() ([]byte, error) { return b.PKCS11.GenerateRandom(sh, length) })
}

func (b *bounded) Initialize(opts ...pkcs11.InitializeOption) error {
	_, err := limited(b, b.long(), 0, func() (struct{}, error) { return struct{}{}, b.PKCS11.Initialize(opts...) }, nil)
	return err
}

// OpenSession has a session closed that comes when nobody waits for it.
func (b *bounded) OpenSession(slotID uint, flags uint) (pkcs11.SessionHandle, error) {
	return limited(b, b.patience, 0, func() (pkcs11.SessionHandle, error) { return b.PKCS11.OpenSession(slotID, flags) },
		func(sh pkcs11.SessionHandle) { _ = b.PKCS11.CloseSession(sh) })
}

func (b *bounded) Login(sh pkcs11.SessionHandle, userType uint, PIN string) error {
	return b.none(sh, func() error { return b.PKCS11.Login(sh, userType, PIN) })
}

func (b *bounded) FindObjects(sh pkcs11.SessionHandle, max int) ([]pkcs11.ObjectHandle, bool, error) {
	found, err := one(b, sh, func() (two[[]pkcs11.ObjectHandle, bool], error) {
		objects, more, err := b.PKCS11.FindObjects(sh, max)
		return two[[]pkcs11.ObjectHandle, bool]{objects, more}, err
	})
	return found.first, found.second, err
}

func (b *bounded) GenerateKeyPair(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error) {
	made, err := limited(b, b.long(), sh, func() (two[pkcs11.ObjectHandle, pkcs11.ObjectHandle], error) {
		first, second, err := b.PKCS11.GenerateKeyPair(sh, m, public, private)
		return two[pkcs11.ObjectHandle, pkcs11.ObjectHandle]{first, second}, err
	}, nil)
	return made.first, made.second, err
}

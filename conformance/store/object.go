package store

import (
	"context"
	"errors"
	"runtime"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/bring"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// session is one of the bench's own on a token of the target, logged in as the target is:
// what it is refused, the target's host is refused too. It ends with the spec.
type session struct {
	cryptoki.Module
	handle pkcs11.SessionHandle
	slot   uint
	which  string // "eps", "authserver"
	form   *form
}

func open(ctx context.Context, t conformance.Target, which string) session {
	GinkgoHelper()
	slot, err := t.(conformance.HSMObjects).HSM(ctx, which)
	if err != nil {
		conformance.Broken("no session on the token of %s: %v", which, err)
	}
	handle, err := slot.Module.OpenSession(slot.ID, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	Expect(err).NotTo(HaveOccurred(), "C_OpenSession")
	DeferCleanup(slot.Module.CloseSession, handle)
	err = slot.Module.Login(handle, pkcs11.CKU_USER, slot.PIN)
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		conformance.Broken("C_Login: %s", cryptoki.ReturnName(err))
	}
	return session{slot.Module, handle, slot.ID, which, formOf(t)}
}

func plain(mechanism uint) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
}

// search lists the objects that have all of the attributes.
func (s session) search(attributes ...*pkcs11.Attribute) []pkcs11.ObjectHandle {
	GinkgoHelper()
	Expect(s.FindObjectsInit(s.handle, attributes)).To(Succeed(), "C_FindObjectsInit")
	found, more, err := s.FindObjects(s.handle, 1000)
	Expect(err).NotTo(HaveOccurred(), "C_FindObjects")
	Expect(more).To(BeFalse(), "more than 1000 objects on the token of %s", s.which)
	Expect(s.FindObjectsFinal(s.handle)).To(Succeed(), "C_FindObjectsFinal")
	return found
}

// permanent is the one key of a label and class.
func (s session) permanent(label string, class uint) pkcs11.ObjectHandle {
	GinkgoHelper()
	found := s.search(attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_CLASS, class), attribute(pkcs11.CKA_LABEL, label))
	Expect(found).To(HaveLen(1), "keys called %s on the token of %s", label, s.which)
	return found[0]
}

func (s session) secret(label string) pkcs11.ObjectHandle {
	GinkgoHelper()
	return s.permanent(label, pkcs11.CKO_SECRET_KEY)
}

// read gives one attribute, or an error where the token does not tell it.
func (s session) read(o pkcs11.ObjectHandle, typ uint) ([]byte, error) {
	got, err := s.GetAttributeValue(s.handle, o, []*pkcs11.Attribute{attribute(typ, nil)})
	if err != nil {
		return nil, err
	}
	if len(got) != 1 {
		return nil, errNotTold
	}
	return got[0].Value, nil
}

var errNotTold = errors.New("the token does not tell")

// is tells a boolean attribute; one that the token does not have is false.
func (s session) is(o pkcs11.ObjectHandle, typ uint) bool {
	v, err := s.read(o, typ)
	return err == nil && len(v) == 1 && v[0] != 0
}

func (s session) label(o pkcs11.ObjectHandle) string {
	v, err := s.read(o, pkcs11.CKA_LABEL)
	if err != nil {
		return ""
	}
	return string(v)
}

// unwrapKey names the length to a token that asks for it: that of what RFC 3394 has wrapped.
func (s session) unwrapKey(m []*pkcs11.Mechanism, under pkcs11.ObjectHandle, blob []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return bring.Unwrap(s.Module, s.handle, m, under, blob, template, len(blob)-8)
}

// create makes a key of the bench's own from a value that it knows.
func (s session) create(value []byte, template []*pkcs11.Attribute) pkcs11.ObjectHandle {
	GinkgoHelper()
	key, err := bring.Key(s.Module, s.slot, s.handle, value, whole(template, noCheckValue))
	if err != nil {
		conformance.Block("the token takes no secret key by C_CreateObject or C_UnwrapKey: %v", err)
	}
	DeferCleanup(s.DestroyObject, s.handle, key)
	return key
}

// derived is the key AES-ECB-encrypt(base, data).
func (s session) derived(base pkcs11.ObjectHandle, data []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	m := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, cryptoki.PinDerivationData(&pin, data))}
	return s.DeriveKey(s.handle, m, base, whole(template, attribute(pkcs11.CKA_VALUE_LEN, len(data)), noCheckValue))
}

// unwrap is RFC 3394 in the token. Some take no CKA_CHECK_VALUE there, so it is tried
// without one too.
func (s session) unwrap(under pkcs11.ObjectHandle, blob []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	m := plain(pkcs11.CKM_AES_KEY_WRAP)
	o, err := s.unwrapKey(m, under, blob, whole(template, noCheckValue))
	if err != nil {
		o, err = s.unwrapKey(m, under, blob, whole(template))
	}
	return o, err
}

// wrap is RFC 3394 in the token.
func (s session) wrap(under, key pkcs11.ObjectHandle) ([]byte, error) {
	return s.WrapKey(s.handle, plain(pkcs11.CKM_AES_KEY_WRAP), under, key)
}

// destroy ends a key that an attempt has made after all.
func (s session) destroy(o pkcs11.ObjectHandle) {
	GinkgoHelper()
	Expect(s.DestroyObject(s.handle, o)).To(Succeed(), "C_DestroyObject")
}

package rfc

import (
	"context"
	"errors"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/bring"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// session is a session on the module in use. It ends, and its objects with it, after the spec.
type session struct {
	cryptoki.Module
	handle pkcs11.SessionHandle
	slot   uint
}

func openSession(ctx context.Context, t conformance.Target) session {
	GinkgoHelper()
	slot, err := t.(conformance.ModuleHolder).Slot(ctx)
	if err != nil {
		conformance.Broken("no slot of the module: %v", err)
	}
	handle, err := slot.Module.OpenSession(slot.ID, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	Expect(err).NotTo(HaveOccurred(), "C_OpenSession")
	DeferCleanup(slot.Module.CloseSession, handle)
	err = slot.Module.Login(handle, pkcs11.CKU_USER, slot.PIN)
	if err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		conformance.Broken("C_Login: %s", cryptoki.ReturnName(err))
	}
	return session{slot.Module, handle, slot.ID}
}

// need ends the case when the module does not have a mechanism.
func (s session) need(mechanism uint) {
	GinkgoHelper()
	list, err := s.GetMechanismList(s.slot)
	Expect(err).NotTo(HaveOccurred(), "C_GetMechanismList")
	for _, m := range list {
		if m.Mechanism == mechanism {
			return
		}
	}
	conformance.Undeclared("the module does not list %s", cryptoki.MechanismName(mechanism))
}

// key makes a sensitive session key with the given value and uses, in clear or else
// encrypted. A module that takes neither blocks the case: there is nothing to compute with.
func (s session) key(kind uint, value []byte, attributes ...*pkcs11.Attribute) pkcs11.ObjectHandle {
	GinkgoHelper()
	template := append(attributes,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
	)
	handle, err := bring.Key(s.Module, s.slot, s.handle, value, template)
	if err != nil {
		conformance.Block("the module takes no secret key of %d bytes, by C_CreateObject or C_UnwrapKey: %v", len(value), err)
	}
	return handle
}

func may(use uint) *pkcs11.Attribute  { return pkcs11.NewAttribute(use, true) }
func not(what uint) *pkcs11.Attribute { return pkcs11.NewAttribute(what, false) }

// sign is C_Sign. A module may refuse a key for its size: the case says so.
func (s session) sign(mechanism uint, key pkcs11.ObjectHandle, data []byte) []byte {
	GinkgoHelper()
	m := []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
	err := s.SignInit(s.handle, m, key)
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)) {
		conformance.Undeclared("the module's key-size rule forbids this key with %s", cryptoki.MechanismName(mechanism))
	}
	Expect(err).NotTo(HaveOccurred(), "C_SignInit")
	mac, err := s.Sign(s.handle, data)
	Expect(err).NotTo(HaveOccurred(), "C_Sign")
	return mac
}

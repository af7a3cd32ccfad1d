package mpp

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"strconv"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// telling are the derivations that let a key be searched piece by piece (CVE-2015-5464):
// the key that they make is cut from another, or is another with known bits.
var telling = []uint{
	pkcs11.CKM_EXTRACT_KEY_FROM_KEY, pkcs11.CKM_CONCATENATE_BASE_AND_KEY, pkcs11.CKM_CONCATENATE_BASE_AND_DATA,
	pkcs11.CKM_CONCATENATE_DATA_AND_BASE, pkcs11.CKM_XOR_BASE_AND_DATA,
}

// leaking are those that give such a key whatever its length: no module has to offer them.
// What a module joins is as hard to guess as what went in, as long as it is not cut.
var leaking = []uint{pkcs11.CKM_EXTRACT_KEY_FROM_KEY, pkcs11.CKM_XOR_BASE_AND_DATA}

// shortest is what a secret key has at least, in bytes.
const shortest = 16

func derivations(t conformance.Target) {
	It("asks no HSM for a key that could be searched piece by piece", conformance.Claims("ATK-06"), func(ctx SpecContext) {
		e, tracer := open(t), t.(conformance.HSMTracer)
		mark := tracer.Mark()
		c := e.enrol(ctx)
		_, grant := e.expectDelivered(ctx, c, "an enrolled user")
		otp, err := grant.OTP(c.PIN, grant.Counter)
		Expect(err).NotTo(HaveOccurred(), "an OTP on the phone")
		v, err := t.(conformance.Validator).Validate(ctx, c.Service, c.Name, otp)
		Expect(err).NotTo(HaveOccurred(), "validation")
		Expect(v.Accepted).To(BeTrue(), "the OTP is refused")
		made := map[string]int{}
		for _, call := range tracer.Calls(mark) {
			made[call.Slot] += len(call.Made)
			expectWhole(call)
		}
		for _, slot := range []string{"eps", "authserver"} {
			Expect(made[slot]).To(BeNumerically(">", 0), "keys that the HSM of %s has made", slot)
		}
		conformance.Observe("the HSM made %d keys for the EPS and %d for the authentication server: none cut from another, glued or XORed, none shorter than %d bits", made["eps"], made["authserver"], 8*shortest)
	})
	It("has an HSM that makes no such key", conformance.Claims("ATK-06"), func(ctx SpecContext) {
		expectNoPieces(ctx, t)
		conformance.Observe("a key that may derive: %d derivations of a part of it, alone or beside known bytes, are refused; none that cuts or XORs is offered", len(telling))
	})
}

// expectWhole looks at the mechanism of a call and at the length of the key that it makes.
func expectWhole(c conformance.HSMCall) {
	GinkgoHelper()
	for _, m := range telling {
		Expect(conformance.Public(c.Mechanism)).NotTo(Equal(conformance.Public(cryptoki.MechanismName(m))), "a derivation that the HSM of %s is asked for", c.Slot)
	}
	for _, a := range c.Template {
		if n, err := strconv.Atoi(a.Value); a.Name == "CKA_VALUE_LEN" && err == nil {
			Expect(n).To(BeNumerically(">=", shortest), "bytes of a key that the HSM of %s is asked for by %s", c.Slot, c.Function)
		}
	}
}

// expectNoPieces tries them on a key of the module in use.
func expectNoPieces(ctx context.Context, t conformance.Target) {
	GinkgoHelper()
	slot, err := t.(conformance.ModuleHolder).Slot(ctx)
	if err != nil {
		conformance.Broken("no slot of the module: %v", err)
	}
	m := slot.Module
	session, err := m.OpenSession(slot.ID, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	Expect(err).NotTo(HaveOccurred(), "C_OpenSession")
	defer m.CloseSession(session) //nolint:errcheck // its objects end with it
	if err := m.Login(session, pkcs11.CKU_USER, slot.PIN); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		conformance.Broken("C_Login: %s", cryptoki.ReturnName(err))
	}
	whole := pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 2*shortest)
	key := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
		whole, pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true),
	}
	base, err := m.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, key)
	Expect(err).NotTo(HaveOccurred(), "C_GenerateKey")
	list, err := m.GetMechanismList(slot.ID)
	Expect(err).NotTo(HaveOccurred(), "C_GetMechanismList")
	for _, mechanism := range leaking {
		Expect(slices.ContainsFunc(list, func(m *pkcs11.Mechanism) bool { return m.Mechanism == mechanism })).To(BeFalse(), "the module offers %s", cryptoki.MechanismName(mechanism))
	}
	part := append(slices.Clone(key), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, shortest))
	part = slices.DeleteFunc(part, func(a *pkcs11.Attribute) bool { return a == whole })
	for _, mechanism := range telling {
		var pin runtime.Pinner
		_, err := m.DeriveKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, parameter(&pin, mechanism, base))}, base, part)
		pin.Unpin()
		Expect(err).To(HaveOccurred(), "the module gives a part of a key by %s", cryptoki.MechanismName(mechanism))
	}
}

// parameter is that of a derivation of shortest bytes: with known bytes before them, a
// single byte of the base is left to guess.
func parameter(pin *runtime.Pinner, mechanism uint, other pkcs11.ObjectHandle) []byte {
	switch mechanism {
	case pkcs11.CKM_CONCATENATE_BASE_AND_KEY:
		return binary.NativeEndian.AppendUint64(nil, uint64(other))
	case pkcs11.CKM_EXTRACT_KEY_FROM_KEY:
		return make([]byte, 8) // from its first bit on
	}
	return cryptoki.PinDerivationData(pin, make([]byte, shortest-1))
}

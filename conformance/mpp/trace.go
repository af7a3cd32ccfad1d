package mpp

import (
	"context"
	"crypto/rsa"
	"errors"
	"maps"
	"slices"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// trace is the calls to the EPS's HSM in one provisioning, in their order.
type trace []conformance.HSMCall

func ofEPS(calls []conformance.HSMCall) trace {
	return slices.DeleteFunc(calls, func(c conformance.HSMCall) bool { return c.Slot != "eps" || c.Return != "CKR_OK" })
}

// of gives the calls of a function whose first handle is one of keys.
func (t trace) of(function string, keys ...uint) trace {
	return slices.DeleteFunc(slices.Clone(t), func(c conformance.HSMCall) bool {
		return c.Function != function || len(c.Objects) == 0 || !slices.Contains(keys, c.Objects[0])
	})
}

// made gives the handles that the calls returned.
func (t trace) made() []uint {
	var handles []uint
	for _, c := range t {
		handles = append(handles, c.Made...)
	}
	return handles
}

// expectOneCall finds the one call that uses the private key.
func (t trace) expectOneCall(private uint, function string) trace {
	GinkgoHelper()
	uses := slices.DeleteFunc(slices.Clone(t), func(c conformance.HSMCall) bool {
		return !slices.Contains(c.Objects, private) || c.Function == "C_GetAttributeValue"
	})
	Expect(uses).To(HaveLen(1), "uses of the private key in one provisioning")
	Expect(conformance.Public(uses[0].Function)).To(Equal(conformance.Public(function)), "use of the private key")
	return uses
}

// expectOneUse gives the handle of S, which the private key unwraps.
func (t trace) expectOneUse(private uint) uint {
	GinkgoHelper()
	uses := t.expectOneCall(private, "C_UnwrapKey")
	expectKept(uses[0], "S", "CKA_DERIVE")
	Expect(uses[0].Made).To(HaveLen(1), "handles of S")
	return uses[0].Made[0]
}

// derivedFrom gives the keys derived from one, by handle.
func (t trace) derivedFrom(secret uint) []uint { return t.of("C_DeriveKey", secret).made() }

// expectWrappedThenSigned follows the handles: S, the two keys of S, C.
func (t trace) expectWrappedThenSigned() {
	GinkgoHelper()
	secrets := unwrappedByRSA(t)
	Expect(secrets).To(HaveLen(1), "keys that came out of the RSA block")
	t.expectUsed(t.derivedFrom(secrets[0]))
}

// imported gives the keys that the host has brought in.
func (t trace) imported() []uint {
	return slices.DeleteFunc(slices.Clone(t), func(c conformance.HSMCall) bool {
		return c.Function != "C_CreateObject" && c.Function != "C_UnwrapKey"
	}).made()
}

// expectUsed: of the keys of a session one wraps C, and then another signs.
func (t trace) expectUsed(session []uint) {
	GinkgoHelper()
	wraps, signs := t.of("C_WrapKey", session...), t.of("C_SignInit", session...)
	Expect(wraps).To(HaveLen(1), "keys wrapped under a key of this session")
	Expect(signs).NotTo(BeEmpty(), "HMACs under a key of this session")
	kc, kt := wraps[0].Objects[0], signs[len(signs)-1].Objects[0]
	Expect(kt == kc).To(BeFalse(), "one key encrypts and authenticates")
	for key, c := range t.makers([]uint{kc, kt}) {
		expectKept(c, "a key of the session", map[bool]string{true: "CKA_WRAP", false: "CKA_SIGN"}[key == kc])
	}
	Expect(t.of("C_UnwrapKey", t.of("C_DeriveKey", t.handles()...).made()...).made()).To(
		ContainElement(wraps[0].Objects[1]), "what is wrapped came out of the row as a handle")
	Expect(t.last("C_SignInit", kt)).To(BeNumerically(">", t.last("C_WrapKey", kc)), "the HMAC follows the encryption")
}

func unwrappedByRSA(t trace) []uint {
	return slices.DeleteFunc(slices.Clone(t), func(c conformance.HSMCall) bool {
		return c.Function != "C_UnwrapKey" || c.Mechanism != "CKM_RSA_PKCS_OAEP"
	}).made()
}

// makers gives the call that made each handle.
func (t trace) makers(handles []uint) map[uint]conformance.HSMCall {
	by := map[uint]conformance.HSMCall{}
	for _, c := range t {
		for _, h := range c.Made {
			if slices.Contains(handles, h) {
				by[h] = c
			}
		}
	}
	return by
}

// handles are all that were given to a call.
func (t trace) handles() []uint {
	var all []uint
	for _, c := range t {
		all = append(all, c.Objects...)
	}
	return all
}

// last is the place of the last call of a function with a key.
func (t trace) last(function string, key uint) int {
	at := -1
	for i, c := range t {
		if c.Function == function && len(c.Objects) > 0 && c.Objects[0] == key {
			at = i
		}
	}
	return at
}

// powers are the attributes that let a key be used.
var powers = []string{"CKA_ENCRYPT", "CKA_DECRYPT", "CKA_SIGN", "CKA_VERIFY", "CKA_WRAP", "CKA_UNWRAP", "CKA_DERIVE"}

// expectKept looks at the template of a new key: it stays in the HSM and has one use.
func expectKept(c conformance.HSMCall, name, use string) {
	GinkgoHelper()
	value := map[string]string{}
	for _, a := range c.Template {
		if _, twice := value[a.Name]; !twice { // a nested template comes after its own
			value[a.Name] = a.Value
		}
	}
	Expect(conformance.Public(value["CKA_SENSITIVE"])).To(Equal(conformance.Public("true")), "%s: CKA_SENSITIVE", name)
	Expect(conformance.Public(value["CKA_EXTRACTABLE"])).To(Equal(conformance.Public("false")), "%s can leave the HSM: CKA_EXTRACTABLE", name)
	for _, power := range powers {
		want := map[bool]conformance.Public{true: "true", false: "false"}[power == use]
		Expect(conformance.Public(value[power])).To(Equal(want), "%s: %s", name, power)
	}
}

// privateKey is what the EPS's private key has to be, beside its one use.
var privateKey = []struct {
	attribute uint
	want      bool
}{
	{pkcs11.CKA_LOCAL, true}, {pkcs11.CKA_SENSITIVE, true}, {pkcs11.CKA_ALWAYS_SENSITIVE, true},
	{pkcs11.CKA_EXTRACTABLE, false}, {pkcs11.CKA_NEVER_EXTRACTABLE, true},
	{pkcs11.CKA_SIGN, false}, {pkcs11.CKA_DERIVE, false},
}

// fromOutside is what differs in a key that was brought into the HSM: others have seen it.
var fromOutside = map[uint]bool{pkcs11.CKA_LOCAL: false, pkcs11.CKA_ALWAYS_SENSITIVE: false, pkcs11.CKA_NEVER_EXTRACTABLE: false}

// expectPrivateKey finds the other half of public in the EPS's HSM and looks at it: it may
// do use, and nothing else, but for what is said to differ.
func expectPrivateKey(ctx context.Context, t conformance.Target, public *rsa.PublicKey, use uint, but map[uint]bool) uint {
	GinkgoHelper()
	want := map[uint]bool{pkcs11.CKA_UNWRAP: use == pkcs11.CKA_UNWRAP, pkcs11.CKA_DECRYPT: use == pkcs11.CKA_DECRYPT}
	for _, p := range privateKey {
		want[p.attribute] = p.want
	}
	maps.Copy(want, but)
	var found uint
	withPrivateKey(ctx, t, public, func(m cryptoki.Module, session pkcs11.SessionHandle, key pkcs11.ObjectHandle) {
		found = uint(key)
		for attribute, want := range want {
			got, err := m.GetAttributeValue(session, key, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
			Expect(err).NotTo(HaveOccurred(), "C_GetAttributeValue")
			Expect(got[0].Value[0] == 1).To(Equal(want), "the private key: %s", cryptoki.AttributeName(attribute))
		}
	})
	return found
}

// withPrivateKey opens a session on the EPS's HSM and finds the other half of public there.
func withPrivateKey(ctx context.Context, t conformance.Target, public *rsa.PublicKey, use func(cryptoki.Module, pkcs11.SessionHandle, pkcs11.ObjectHandle)) {
	GinkgoHelper()
	slot, err := t.(conformance.HSMObjects).HSM(ctx, "eps")
	if err != nil {
		conformance.Broken("the EPS's HSM: %v", err)
	}
	m := slot.Module
	session, err := m.OpenSession(slot.ID, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	Expect(err).NotTo(HaveOccurred(), "C_OpenSession")
	defer m.CloseSession(session) //nolint:errcheck // it only looked
	if err := m.Login(session, pkcs11.CKU_USER, slot.PIN); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		conformance.Broken("C_Login: %s", cryptoki.ReturnName(err))
	}
	Expect(m.FindObjectsInit(session, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_MODULUS, public.N.Bytes()),
	})).To(Succeed(), "C_FindObjectsInit")
	found, _, err := m.FindObjects(session, 2)
	Expect(err).NotTo(HaveOccurred(), "C_FindObjects")
	Expect(m.FindObjectsFinal(session)).To(Succeed(), "C_FindObjectsFinal")
	Expect(found).To(HaveLen(1), "private keys of the EPS's public key in its HSM")
	use(m, session, found[0])
}

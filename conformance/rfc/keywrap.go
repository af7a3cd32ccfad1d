package rfc

import (
	"bytes"
	"crypto/aes"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/bring"
	"github.com/epsbench/epsbench/vectors"
)

func keywrap(t conformance.Target) {
	for _, v := range vectors.RFC3394() {
		It(v.ID, conformance.Claims("RFC3394-4"), func(ctx SpecContext) {
			s := openSession(ctx, t)
			s.need(pkcs11.CKM_AES_KEY_WRAP)
			s.need(pkcs11.CKM_AES_ECB)
			kek := s.key(pkcs11.CKK_AES, v.KEK, may(pkcs11.CKA_WRAP), may(pkcs11.CKA_UNWRAP), not(pkcs11.CKA_EXTRACTABLE))
			key := s.key(pkcs11.CKK_AES, v.Key, may(pkcs11.CKA_EXTRACTABLE), may(pkcs11.CKA_ENCRYPT))

			wrapped, err := s.WrapKey(s.handle, keyWrap(), kek, key)
			Expect(err).NotTo(HaveOccurred(), "C_WrapKey")
			conformance.Observe("C_WrapKey of %d bits under %d: %x", 8*len(v.Key), 8*len(v.KEK), wrapped)
			Expect(public(wrapped)).To(Equal(public(v.Wrapped)), "wrapped key of the vector")

			s.expectSameKey(s.unwrap(kek, v.Wrapped), v.Key)
			s.expectRefused(kek, v.Wrapped)
			conformance.Observe("C_UnwrapKey gives a key that encrypts as the original does, and refuses a changed one")
		})
	}
}

func keyWrap() []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP, nil)}
}

// unwrapped is the template of an unwrapped key. It has no length: modules take that from
// the wrapped key, and some refuse it here.
var unwrapped = []*pkcs11.Attribute{
	pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
	pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
	pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
	pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
	pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
	pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true),
}

func (s session) unwrap(kek pkcs11.ObjectHandle, wrapped []byte) pkcs11.ObjectHandle {
	GinkgoHelper()
	handle, err := bring.Unwrap(s.Module, s.handle, keyWrap(), kek, wrapped, unwrapped, len(wrapped)-8)
	Expect(err).NotTo(HaveOccurred(), "C_UnwrapKey")
	return handle
}

// expectSameKey compares by what the key does: its value cannot be read.
func (s session) expectSameKey(handle pkcs11.ObjectHandle, value []byte) {
	GinkgoHelper()
	block, err := aes.NewCipher(value)
	Expect(err).NotTo(HaveOccurred())
	plain, want := []byte("RFC 3394 section"), make([]byte, aes.BlockSize)
	block.Encrypt(want, plain)
	ecb := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_ECB, nil)}
	Expect(s.EncryptInit(s.handle, ecb, handle)).To(Succeed(), "C_EncryptInit with the unwrapped key")
	got, err := s.Encrypt(s.handle, plain)
	Expect(err).NotTo(HaveOccurred(), "C_Encrypt with the unwrapped key")
	Expect(public(got)).To(Equal(public(want)), "a block under the unwrapped key")
}

// expectRefused: the first and the last bit count as well as one in between.
func (s session) expectRefused(kek pkcs11.ObjectHandle, wrapped []byte) {
	GinkgoHelper()
	for _, at := range []int{0, len(wrapped) / 2, len(wrapped) - 1} {
		changed := bytes.Clone(wrapped)
		changed[at] ^= 1
		_, err := bring.Unwrap(s.Module, s.handle, keyWrap(), kek, changed, unwrapped, len(wrapped)-8)
		Expect(err).To(HaveOccurred(), "byte %d of the wrapped key was changed and C_UnwrapKey took it", at)
	}
}

package store

import (
	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance/oracle"
)

// decrypted is a value that DBK has encrypted as seed 000 §6.2 has it: the IV stands in
// front, and nothing tells whether it is the right one.
func (s session) decrypted(dbk pkcs11.ObjectHandle, mechanism uint, sealed []byte) ([]byte, error) {
	GinkgoHelper()
	Expect(len(sealed)).To(BeNumerically(">=", 32), "bytes under DBK: an IV and a block")
	m := []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, sealed[:16])}
	if err := s.DecryptInit(s.handle, m, dbk); err != nil {
		return nil, err
	}
	return s.Decrypt(s.handle, sealed[16:])
}

func (s session) decryptedRow(dbk pkcs11.ObjectHandle, r record) ([]byte, error) {
	GinkgoHelper()
	return s.decrypted(dbk, pkcs11.CKM_AES_CBC, r["sealed"])
}

// decryptedCode is a registration code as people get it.
func (s session) decryptedCode(dbk pkcs11.ObjectHandle, sealed []byte) ([]byte, error) {
	GinkgoHelper()
	return s.decrypted(dbk, pkcs11.CKM_AES_CBC_PAD, sealed)
}

// decryptedFirst: what DBK makes of the row that KEK was taken off first is not TOK.
func (s session) decryptedFirst(u *user, dbk pkcs11.ObjectHandle, r record) string {
	GinkgoHelper()
	sealed := r["sealed"]
	swapped, err := s.decrypted(dbk, pkcs11.CKM_AES_CBC, append(sealed[:16:16], u.peeled(sealed[16:])...))
	Expect(err).NotTo(HaveOccurred(), "DBK decrypts blocks")
	Expect(swapped).NotTo(Equal(u.tok()), "the layers come off in the other order too")
	return "in the other order they give something else than TOK: nothing refuses it"
}

// peeled is KEK's layer taken off a value.
func (u *user) peeled(value []byte) []byte {
	GinkgoHelper()
	inner := oracle.Inner{C: value, Direction: oracle.Encrypts, TOKLength: len(value),
		Salt: u.Grant.Salt, KDF: u.Grant.KDF, Iterations: u.Grant.Iterations}
	out, err := inner.TOK(u.PIN)
	Expect(err).NotTo(HaveOccurred(), "AES under KEK")
	return out
}

package store

import (
	"context"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// expectResidents reads back every session key that the target holds at the moment, and
// one that is unwrapped without a word about its check value, if there were such.
func (w *world) expectResidents(ctx context.Context, which string, silent bool) {
	GinkgoHelper()
	if !w.Capabilities()[conformance.CanSeeObjects] {
		conformance.Observe("the objects themselves could not be read back")
		return
	}
	s := open(ctx, w.Target, which)
	if silent {
		s.expectNoCheckValue(s.unwrappedSilently(), "a key unwrapped by a template without it")
	}
	residents := s.search(attribute(pkcs11.CKA_TOKEN, false), attribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY))
	for _, o := range residents {
		s.expectNoCheckValue(o, "a session key")
		Expect(s.is(o, pkcs11.CKA_SENSITIVE)).To(BeTrue(), "a session key on the token of %s is not sensitive", which)
		s.beRefused("a session key", s.exports(o, nil))
	}
	conformance.Observe("%s: %d session keys read back, each sensitive, without a check value", which, len(residents))
}

// unwrappedSilently is a generic secret made as C and TOK are.
func (s session) unwrappedSilently() pkcs11.ObjectHandle {
	GinkgoHelper()
	under := s.create(make([]byte, 32), made(pkcs11.CKK_AES, false, pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP))
	blob, err := oracle.Wrap(make([]byte, 32), []byte("a generic secret of 32 bytes, ok"))
	Expect(err).NotTo(HaveOccurred())
	o, err := s.unwrapKey(plain(pkcs11.CKM_AES_KEY_WRAP), under, blob, whole(asTransit))
	Expect(err).NotTo(HaveOccurred(), "C_UnwrapKey")
	DeferCleanup(s.DestroyObject, s.handle, o)
	return o
}

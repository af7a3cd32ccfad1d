package store

import (
	"slices"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

var tokens = []string{"eps", "authserver"}

// masters: keys stay in their tokens, and do one thing.
func masters(w *world) {
	It("keeps every permanent key in its token, at exact attributes", conformance.Claims("ST-KEY-MK"), func(ctx SpecContext) {
		for _, which := range tokens {
			s := open(ctx, w.Target, which)
			n := 0
			for _, class := range []uint{pkcs11.CKO_SECRET_KEY, pkcs11.CKO_PRIVATE_KEY} {
				for _, o := range s.search(attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_CLASS, class)) {
					s.expectAttributes(o, class)
					n++
				}
			}
			conformance.Observe("%s: %d permanent keys, each expected, sensitive, not extractable, not modifiable, not copyable, with its one use", which, n)
		}
	})
	It("lets no master key out, by no call", conformance.Claims("ST-KEY-MK"), func(ctx SpecContext) {
		for _, which := range tokens {
			s := open(ctx, w.Target, which)
			n := 0
			for _, label := range s.form.masters(which) {
				n += s.expectKept(s.secret(label), label)
			}
			conformance.Observe("%s: %d attempts to read, wrap, copy, change or otherwise use %d master keys, all refused", which, n, len(s.form.masters(which)))
		}
	})
}

// flag is a boolean attribute and what it is due to be.
type flag struct {
	attribute uint
	due       bool
}

var kept = []flag{
	{pkcs11.CKA_PRIVATE, true}, {pkcs11.CKA_SENSITIVE, true}, {pkcs11.CKA_EXTRACTABLE, false},
	{pkcs11.CKA_MODIFIABLE, false}, {pkcs11.CKA_COPYABLE, false},
}

// born is what the token itself says of keys that were generated in it.
var born = []flag{{pkcs11.CKA_LOCAL, true}, {pkcs11.CKA_ALWAYS_SENSITIVE, true}, {pkcs11.CKA_NEVER_EXTRACTABLE, true}}

func (s session) expectAttributes(o pkcs11.ObjectHandle, class uint) {
	GinkgoHelper()
	label := s.label(o)
	k, ok := known(s.which, label, class)
	Expect(ok).To(BeTrue(), "the token of %s has a permanent key that nobody expects, called %q", s.which, label)
	due := kept
	if k.born {
		due = append(due[:len(due):len(due)], born...)
	}
	for _, use := range usages {
		if class == pkcs11.CKO_SECRET_KEY || use != pkcs11.CKA_ENCRYPT && use != pkcs11.CKA_WRAP && use != pkcs11.CKA_VERIFY {
			due = append(due[:len(due):len(due)], flag{use, slices.Contains(k.uses, use)})
		}
	}
	for _, f := range due {
		Expect(s.is(o, f.attribute)).To(Equal(f.due), "%s of %s on the token of %s", cryptoki.AttributeName(f.attribute), label, s.which)
	}
	s.expectNoCheckValue(o, label)
}

// expectNoCheckValue: of a generic secret it would be three bytes of a hash of the value.
func (s session) expectNoCheckValue(o pkcs11.ObjectHandle, name string) {
	GinkgoHelper()
	value, err := s.read(o, pkcs11.CKA_CHECK_VALUE)
	if err == nil {
		Expect(value).To(BeEmpty(), "CKA_CHECK_VALUE of %s on the token of %s", name, s.which)
	}
}

// expectKept tries all that could take a master key, or what it protects, out of the token.
func (s session) expectKept(o pkcs11.ObjectHandle, label string) int {
	GinkgoHelper()
	own := s.create(make([]byte, 32), made(pkcs11.CKK_AES, false, pkcs11.CKA_WRAP))
	under := []pkcs11.ObjectHandle{own}
	for _, other := range s.form.masters(s.which) {
		under = append(under, s.secret(other))
	}
	n := s.beRefused(label, s.exports(o, under)) + s.beRefused(label, s.alterations(o))
	operations := s.operations(o)
	for _, use := range []uint{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_DERIVE} {
		n += s.beRefused(label, []attempt{operations[use]})
	}
	return n
}

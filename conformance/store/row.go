package store

import (
	"encoding/binary"
	"fmt"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// row: the two layers of TOK in the database, taken off one after the other on the
// target's own HSM.
func row(w *world) {
	It("keeps TOK under DBK, and inside that under KEK", conformance.Claims("ST-6.2-1a", "ST-6.2.1-a"), func(ctx SpecContext) {
		u := w.equipped(ctx, conformance.EnrolRequest{})
		s := open(ctx, w.Target, "eps")
		tables := w.tables(ctx)
		r := only(tables, "eps", "tokens", "id", u.Token)
		f := w.form()
		key := s.opened(f.dbk, f.dbk.blob(tables))

		c, err := f.unseal(s, key, r)
		Expect(err).NotTo(HaveOccurred(), "the outer layer: a token's row does not open with DBK")
		Expect(c).To(Equal(u.Grant.Inner().C), "what DBK opens is not C")
		Expect(u.accepted(ctx, s.otpUnder(u, u.kek(), u.Grant.Inner().C))).To(BeTrue(), "the inner layer: C with the PIN's KEK does not give TOK")
		Expect(u.accepted(ctx, s.otpUnder(u, otherKEK(u), u.Grant.Inner().C))).To(BeFalse(), "C with the KEK of another PIN gives TOK too")
		conformance.Observe("the row opens with DBK to C; AES of C under the PIN's KEK, in the HSM, signs an OTP that is accepted, under another PIN's one that is refused")

		conformance.Observe("%s", f.swap(s, u, key, r))
	})
}

// unwrapped is C of a token's row, under a key derived from DBK, and readable: the bench
// compares it with the phone's.
func (s session) unwrapped(dbk pkcs11.ObjectHandle, r record) ([]byte, error) {
	GinkgoHelper()
	under := s.rowKey(dbk, r)
	readable := changed(made(pkcs11.CKK_GENERIC_SECRET, true), pkcs11.CKA_SENSITIVE, false)
	c, err := s.unwrap(under, r["sealed"], readable)
	if err != nil {
		return s.carriedOut(under, r["sealed"])
	}
	DeferCleanup(s.DestroyObject, s.handle, c)
	v, err := s.read(c, pkcs11.CKA_VALUE)
	if err != nil {
		return s.carriedOut(under, r["sealed"])
	}
	return v, nil
}

// carriedOut is the same where the token shows no value: C leaves under a key that the bench
// has brought in.
func (s session) carriedOut(under pkcs11.ObjectHandle, sealed []byte) ([]byte, error) {
	c, err := s.unwrap(under, sealed, made(pkcs11.CKK_GENERIC_SECRET, true))
	if err != nil {
		return nil, err
	}
	DeferCleanup(s.DestroyObject, s.handle, c)
	kek := []byte("the bench's own key of 32 bytes.")
	blob, err := s.wrap(s.create(kek, made(pkcs11.CKK_AES, false, pkcs11.CKA_WRAP)), c)
	if err != nil {
		return nil, err
	}
	return oracle.Unwrap(kek, blob)
}

func (s session) rowKey(dbk pkcs11.ObjectHandle, r record) pkcs11.ObjectHandle {
	GinkgoHelper()
	under, err := s.derived(dbk, r.bound(), made(pkcs11.CKK_AES, false, pkcs11.CKA_UNWRAP))
	Expect(err).NotTo(HaveOccurred(), "a row key from DBK")
	DeferCleanup(s.DestroyObject, s.handle, under)
	return under
}

// otpUnder is the OTP of TOK = AES-ECB-encrypt(kek, c), made in the HSM.
func (s session) otpUnder(u *user, kek, c []byte) string {
	GinkgoHelper()
	if u.Grant.Direction != oracle.Encrypts {
		conformance.Block("TOK is AES-decrypt(KEK, C) here, which the bench does not ask of the HSM")
	}
	key := s.create(kek, made(pkcs11.CKK_AES, false, pkcs11.CKA_DERIVE))
	tok, err := s.derived(key, c, asSigning)
	Expect(err).NotTo(HaveOccurred(), "TOK from KEK and C")
	DeferCleanup(s.DestroyObject, s.handle, tok)
	s.expectNoCheckValue(tok, "TOK")
	return s.otp(tok, u)
}

// otp signs the user's next counter with a TOK of the HSM.
func (s session) otp(tok pkcs11.ObjectHandle, u *user) string {
	GinkgoHelper()
	Expect(s.SignInit(s.handle, plain(pkcs11.CKM_SHA256_HMAC), tok)).To(Succeed(), "C_SignInit with TOK")
	mac, err := s.Sign(s.handle, binary.BigEndian.AppendUint64(nil, u.Next))
	Expect(err).NotTo(HaveOccurred(), "C_Sign with TOK")
	return oracle.Truncate(mac, u.Suite.Digits)
}

func otherKEK(u *user) []byte {
	GinkgoHelper()
	kek, err := u.Grant.Inner().KEK(oneOff(u.PIN))
	Expect(err).NotTo(HaveOccurred(), "KEK of another PIN")
	return kek
}

// unwrappedFirst: KEK does not open the row, and what it makes of it DBK does not open.
func (s session) unwrappedFirst(u *user, dbk pkcs11.ObjectHandle, r record) string {
	GinkgoHelper()
	sealed := r["sealed"]
	kek := s.create(u.kek(), made(pkcs11.CKK_AES, false, pkcs11.CKA_UNWRAP))
	under := s.rowKey(dbk, r)
	first := u.peeled(sealed[:len(sealed)-8])
	n := s.beRefused("the other order", []attempt{
		{"unwrap the row under KEK", func() (pkcs11.ObjectHandle, error) { return s.unwrap(kek, sealed, asTransit) }},
		{"unwrap under DBK what KEK made of the row", func() (pkcs11.ObjectHandle, error) {
			return s.unwrap(under, append(first, sealed[len(sealed)-8:]...), asTransit)
		}},
	})
	return fmt.Sprintf("the other order: %d attempts, refused", n)
}

package store

import (
	"crypto/rsa"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
)

// leastPassword is 80 random bits in the letters that passwords are drawn from.
const leastPassword = 16

// keystore: where the RSA pair of the provisioning protocol is.
func keystore(w *world) {
	It("keeps the password of the RSA pair under DBK", conformance.Claims("ST-6.2-1d"), func(ctx SpecContext) {
		s, tables := open(ctx, w.Target, "eps"), w.tables(ctx)
		password := w.passwordOf(s, tables)
		_, pair := unlocked(tables, password)
		Expect(len(password)).To(BeNumerically(">=", leastPassword), "characters of the keystore's password")
		conformance.Observe("DBK decrypts a password of %d characters that opens the keystore: an RSA pair of %d bits", len(password), pair.N.BitLen())

		other := w.second(ctx)
		theirs, err := other.(conformance.Database).Dump(ctx)
		Expect(err).NotTo(HaveOccurred(), "dump of another EPS")
		o := open(ctx, other, "eps")
		dbk := w.form().dbk
		wrong, err := o.decrypted(o.opened(dbk, dbk.blob(theirs)), pkcs11.CKM_AES_CBC_PAD, stores(tables)[0]["password"])
		Expect(err != nil || string(wrong) != password).To(BeTrue(), "another EPS's DBK decrypts the password")
		conformance.Observe("another EPS's DBK does not decrypt it")
	})
	It("stores the RSA pair encrypted, or not at all", conformance.Claims("ST-B5"), func(ctx SpecContext) {
		w.people(ctx)
		s, tables := open(ctx, w.Target, "eps"), w.tables(ctx)
		n := 0
		for _, o := range s.search(attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)) {
			s.expectAttributes(o, pkcs11.CKO_PRIVATE_KEY)
			n++
		}
		conformance.Observe("%d private keys were generated in the HSM and cannot leave it", n)
		if len(stores(tables)) == 0 {
			Expect(n).To(BeNumerically(">", 0), "there is a key neither in the HSM nor in a keystore")
			conformance.Observe("the database has no keystore, and so no password")
			return
		}
		password := w.passwordOf(s, tables)
		_, pair := unlocked(tables, password)
		columns, files := hunt.Columns(ctx, w.Target), hunt.Files(ctx, w.Target)
		hunt.ExpectInUse(w.crowd[0].Token, columns, files)
		hunt.For(
			hunt.Bytes("private exponent", pair.D.Bytes()), hunt.Bytes("first prime", pair.Primes[0].Bytes()),
			hunt.Bytes("second prime", pair.Primes[1].Bytes()), hunt.Bytes("password of the keystore", []byte(password)),
		).ExpectNothing(append(columns, files...))
		conformance.Observe("whoever has the database and one use of DBK has the private key: the HSM decrypts the password for its host")
	})
}

func stores(tables []conformance.Table) []record { return rows(tables, "eps", "keystores", "", "") }

// passwordOf is what DBK decrypts of the newest keystore's password.
func (w *world) passwordOf(s session, tables []conformance.Table) string {
	GinkgoHelper()
	all := stores(tables)
	Expect(all).NotTo(BeEmpty(), "keystores in the database")
	dbk := w.form().dbk
	text, err := s.decrypted(s.opened(dbk, dbk.blob(tables)), pkcs11.CKM_AES_CBC_PAD, all[len(all)-1]["password"])
	Expect(err).NotTo(HaveOccurred(), "the password of the keystore does not open with DBK")
	return string(text)
}

// unlocked opens the newest keystore.
func unlocked(tables []conformance.Table, password string) (record, *rsa.PrivateKey) {
	GinkgoHelper()
	all := stores(tables)
	newest := all[len(all)-1]
	key, _, err := pkcs12.Decode(newest["pkcs12"], password)
	Expect(err).NotTo(HaveOccurred(), "what DBK decrypts does not open the keystore")
	pair, ok := key.(*rsa.PrivateKey)
	Expect(ok).To(BeTrue(), "the keystore holds no RSA pair")
	return newest, pair
}

package mpp

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

func keys(t conformance.Target) {
	It("keeps two keys apart, and those of each session", conformance.Claims("ST-KEY-K1K2"), func(ctx SpecContext) {
		e := open(t)
		one, two := e.enrol(ctx), e.enrol(ctx)
		first := e.request(one)
		a, _ := e.expectAccepted(ctx, one, first, "a first session")
		again := e.request(two, func(r *oracle.Request) {
			r.S, r.Nonce, r.Ephemeral = first.Request.S, first.Request.Nonce, first.Request.Ephemeral
		})
		b, _ := e.expectAccepted(ctx, two, again, "a second session of a phone that uses its S, nonce and ephemeral key again")
		Expect(bytes.Equal(point(a.Body), point(b.Body))).To(BeFalse(), "two sessions have the same ephemeral key of the EPS")
		_, err := first.Open(b.Body, e.now())
		Expect(err).To(Equal(oracle.BadEcho), "the answer to a second session, taken for that of the first")
		conformance.Observe("the answers open with K_t for the tag and K_c for W, derived under two labels; a phone that repeats S, nonce and ephemeral key still gets an answer under a new key, by a new ephemeral key of the EPS")
	})

	It("refuses secrets of another length", conformance.Claims("ST-KEY-K1K2"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		tries := e.lengths(c)
		e.expectRefused(ctx, tries...)
		e.expectDelivered(ctx, c, "a secret of the right length, with the same code")
		conformance.Observe("%d secrets of 0 to 64 bytes that make no AES key got the uniform refusal; then the code still worked", len(tries))
	})

	It("takes keys only in OAEP under its own public key", conformance.Claims("ST-6.3-3"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		tries := e.padded(c)
		e.expectRefused(ctx, tries...)
		e.expectDelivered(ctx, c, "the same code in the right block")
		conformance.Observe("PKCS#1 v1.5, the other OAEP hash, a label, no padding, blocks of another length, another key and another key id: %d requests got the uniform refusal; then the code still worked", len(tries))
	})

	It("is the only one who can answer, and answers only who has a code", conformance.Claims("ST-6.3-auth"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		s := e.request(c)
		guess := c
		guess.RegistrationCode = c.locator() + "-" + rotated(c.digits())
		e.expectRefused(ctx, try{"a phone without the code", e.request(guess).Body})
		answer, grant := e.expectAccepted(ctx, c, s, "the phone with the code")
		e.expectRefused(ctx, try{"the same request again", s.Body})
		_, err := e.request(c).Open(answer.Body, e.now())
		Expect(err).To(Equal(oracle.BadEcho), "an old answer, sent to a new request")
		expectRogue(e, s, grant)
		conformance.Observe("without the code: refused; the same request again: refused; an old answer to a new request, and the answer of an EPS that has all but the private key: the phone refuses both, and accepts what only the holder of S could make")
	})
}

// point is where an answer carries the EPS's ephemeral key: at the end of its header,
// which begins behind 3 bytes and has 134.
func point(answer []byte) []byte { return answer[3+134-65 : 3+134] }

// lengths are requests whose S is no key.
func (e eps) lengths(c customer) []try {
	GinkgoHelper()
	var tries []try
	for _, n := range []int{0, 1, 8, 15, 17, 31, 33, 64} {
		s := e.request(c, func(r *oracle.Request) { r.S = make([]byte, n); rand.Read(r.S) })
		tries = append(tries, try{fmt.Sprintf("a secret of %d bytes", n), s.Body})
	}
	return tries
}

// padded are requests whose S is right and whose RSA block is not.
func (e eps) padded(c customer) []try {
	GinkgoHelper()
	p := e.Pinned()
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		conformance.Broken("an RSA key: %v", err)
	}
	otherSize := func(block []byte, _ error) ([]byte, error) { return append([]byte{0}, block...), nil }
	var tries []try
	for what, encrypt := range map[string]func(s []byte) ([]byte, error){
		"PKCS#1 v1.5": func(s []byte) ([]byte, error) {
			//lint:ignore SA1019 an EPS has to refuse it
			return rsa.EncryptPKCS1v15(rand.Reader, p.Key, s)
		},
		"the other OAEP hash": func(s []byte) ([]byte, error) {
			if p.Suite == 2 {
				return rsa.EncryptOAEP(sha256.New(), rand.Reader, p.Key, s, nil)
			}
			return rsa.EncryptOAEP(sha1.New(), rand.Reader, p.Key, s, nil)
		},
		"an OAEP label":           func(s []byte) ([]byte, error) { return e.oaep(p.Key, s, []byte("label")) },
		"no padding":              func(s []byte) ([]byte, error) { return append(make([]byte, p.Key.Size()-len(s)), s...), nil },
		"a block of zeros":        func([]byte) ([]byte, error) { return make([]byte, p.Key.Size()), nil },
		"a block one byte longer": func(s []byte) ([]byte, error) { return otherSize(e.oaep(p.Key, s, nil)) },
		"another public key":      func(s []byte) ([]byte, error) { return e.oaep(&stranger.PublicKey, s, nil) },
	} {
		s := e.request(c, func(r *oracle.Request) {
			if r.OAEP, err = encrypt(r.S); err != nil {
				conformance.Broken("%s: %v", what, err)
			}
		})
		tries = append(tries, try{"a secret in " + what, s.Body})
	}
	unknown := e.request(c, func(r *oracle.Request) { r.KeyID = flip(r.KeyID, 0) })
	return append(tries, try{"an unknown key id", unknown.Body})
}

// oaep encrypts as the suite of this EPS says, but for key and label.
func (e eps) oaep(key *rsa.PublicKey, s, label []byte) ([]byte, error) {
	if e.Pinned().Suite == 2 {
		return rsa.EncryptOAEP(sha1.New(), rand.Reader, key, s, label)
	}
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, key, s, label)
}

// expectRogue: who has seen everything but S cannot answer; who has S can, which shows
// that it is S that counts.
func expectRogue(e eps, s *oracle.Session, grant oracle.Grant) {
	GinkgoHelper()
	c := make([]byte, grant.CLength)
	for name, attempt := range map[string]struct {
		from *oracle.Session
		want error
	}{"an EPS without the private key": {s.Rogue(), oracle.BadTag}, "an EPS that knows S": {s, nil}} {
		forged, err := attempt.from.Answer(grant, c)
		if err != nil {
			conformance.Broken("%s cannot answer: %v", name, err)
		}
		_, err = s.Open(forged, e.now())
		if attempt.want == nil {
			Expect(err).NotTo(HaveOccurred(), "the answer of %s", name)
			continue
		}
		Expect(err).To(Equal(attempt.want), "the answer of %s", name)
	}
}

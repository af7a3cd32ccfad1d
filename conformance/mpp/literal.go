package mpp

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

func literalFlow(t conformance.Target, p conformance.Profile) {
	Context("the flow of seed 000 §6.3, taken literally", Ordered, ContinueOnFailure, func() {
		var s story
		BeforeAll(func(ctx SpecContext) { s = tell(ctx, t, 1) })
		sent := func() *oracle.LiteralSession { return s.session.(*oracle.LiteralSession) }

		It("2: answers under the keys that the phone has chosen (v1)", conformance.Claims("ST-6.3-2"), func() {
			s.expectOpened()
			_, err := sent().Rogue().Open(s.answer.Body, s.now())
			Expect(err).To(Equal(oracle.BadMAC), "the answer opens with another K1 and K2")
			conformance.Observe("v1: the MAC checks, and W unwraps, with the K1 and K2 that the phone has drawn; with others the MAC does not check")
		})

		It("3: takes keys and code in one block under its public key (v1)", conformance.Claims("ST-6.3-3"), func() {
			s.expectOpened()
			for what, secret := range map[string][]byte{"K1": sent().Request.K1, "K2": sent().Request.K2, "the code": []byte(s.who.Digits())} {
				Expect(s.session.Sent()).NotTo(containBytes(string(secret)), "%s is in the request in clear", what)
			}
			Expect(sent().Block).To(HaveLen(s.Pinned().V1.Key.Size()), "length of the RSA block")
			conformance.Observe("v1: K1, K2 and the code are in one RSA block of %d bytes, and nowhere in clear", len(sent().Block))
		})

		It("4: decrypts them in the HSM with its private key (v1)", conformance.Claims("ST-6.3-4"), func(ctx SpecContext) {
			s.expectOpened()
			if t.Identity().Profile == "st-2.6.1" {
				s.expectKeyOfKeystore(ctx)
			}
			private := expectPrivateKey(ctx, t, s.Pinned().V1.Key, pkcs11.CKA_DECRYPT, nil)
			s.calls.expectOneCall(private, "C_DecryptInit")
			conformance.Observe("v1: of %d calls to the HSM one uses the private key, C_Decrypt; that key is sensitive, was never extractable, and may decrypt and nothing else. What it decrypts comes to the host, as the text has it", len(s.calls))
		})

		It("5: finds the token by the code (v1)", conformance.Claims("ST-6.3-5"), func(ctx SpecContext) {
			s.expectOpened()
			Expect(s.grant.Token == s.who.Token).To(BeTrue(), "the grant names the token that was enrolled")
			Expect(s.state(ctx, s.who)).To(Equal(conformance.Public("provisioned")), "state of the token")
			conformance.Observe("v1: by a code of digits alone; the grant names the token of the user's enrolment, which is now provisioned")
		})

		It("6: encrypts the token again under K1, then authenticates it under K2 (v1)", conformance.Claims("ST-6.3-6"), func() {
			s.expectOpened()
			s.calls.expectUsed(s.calls.imported())
			conformance.Observe("v1: W was made by C_WrapKey under K1 of C, a handle that never was on the host, before the HMAC over the whole body by C_Sign under K2; both keys are imported so that they can do that alone, and cannot leave")
		})

		It("8: sends what the phone authenticates (v1)", conformance.Claims("ST-6.3-8"), func() { s.expectAuthenticated(p) })
	})
}

// expectKeyOfKeystore is step 4 where the pair rests in the database (seed 000 §6.2-2c): the
// HSM decrypts, as the step wants it, and the key is not the HSM's alone, as the step implies.
func (s story) expectKeyOfKeystore(ctx context.Context) {
	GinkgoHelper()
	private := expectPrivateKey(ctx, s.Target, s.Pinned().V1.Key, pkcs11.CKA_DECRYPT, fromOutside)
	s.calls.expectOneCall(private, "C_DecryptInit")
	conformance.Limit("v1, the text taken literally: of %d calls to the HSM one uses the private key, C_Decrypt, as the step has it; but the key was not made there (CKA_LOCAL and CKA_NEVER_EXTRACTABLE are false). §6.2-2c keeps the pair in a keystore in the database, whose password DBK decrypts for the host: the host has opened it, and knows the key", len(s.calls))
}

// literalRequests holds the specs on who may ask and answer, and on what an attacker sees
// and changes.
func literalRequests(t conformance.Target) {
	It("refuses keys that are one, or degenerate (v1)", conformance.Claims("ST-KEY-K1K2"), func(ctx SpecContext) {
		e := openV1(t)
		c := e.enrol(ctx)
		tries := e.degenerate(c)
		e.expectRefused(ctx, tries...)
		e.expectDelivered(ctx, c, "two keys of the right length, with the same code")
		conformance.Observe("v1: %d requests with K1 = K2, keys of equal bytes, or too few bytes got the uniform refusal; then the code still worked", len(tries))
	})

	It("takes keys only in OAEP under its own public key (v1)", conformance.Claims("ST-6.3-3"), func(ctx SpecContext) {
		e := openV1(t)
		c := e.enrol(ctx)
		tries := e.literallyPadded(c)
		e.expectRefused(ctx, tries...)
		e.expectDelivered(ctx, c, "the same code in the right block")
		conformance.Observe("v1: PKCS#1 v1.5, the other OAEP hash, a label, no padding, the key of version 2 and another key id: %d requests got the uniform refusal; then the code still worked", len(tries))
	})

	It("is the only one who can answer, and answers only who has a code (v1)", conformance.Claims("ST-6.3-auth"), func(ctx SpecContext) {
		e := openV1(t)
		c := e.enrol(ctx)
		s, guess := e.literal(c), c
		guess.RegistrationCode = rotated(c.Digits())
		e.expectRefused(ctx, try{"a phone without the code", e.literal(guess).Body})
		answer, grant := e.expectAccepted(ctx, c, s, "the phone with the code")
		e.expectRefused(ctx, try{"the same request again (v1)", s.Body})
		again := e.literal(c, func(r *oracle.LiteralRequest) { r.K1, r.K2 = s.Request.K1, s.Request.K2 })
		_, err := again.Open(answer.Body, e.now())
		Expect(err).To(Equal(oracle.BadEcho), "an old answer, to a new request with the same keys")
		forged, err := s.Rogue().Answer(grant, make([]byte, grant.CLength))
		Expect(err).NotTo(HaveOccurred(), "an EPS without the private key answers")
		_, err = s.Open(forged, e.now())
		Expect(err).To(Equal(oracle.BadMAC), "the answer of an EPS without the private key")
		conformance.Observe("v1: without the code: refused; the same request again: refused; an old answer to a new request, even with the same keys, and the answer of an EPS that has all but the private key: the phone refuses both")
	})

	It("shows no secret to who records a session below TLS (v1)", conformance.Claims("ST-6.5-M1"), func(ctx SpecContext) {
		openV1(t).expectKeptFrom(ctx)
	})

	It("grants nothing to a changed request, or one of another version (v1)", conformance.Claims("ST-6.5-M2"), func(ctx SpecContext) {
		e := openV1(t)
		a, b, newer := e.enrol(ctx), e.enrol(ctx), e.as(2).enrol(ctx)
		one := e.literal(a)
		tries := e.literallyChanged(one.Body, e.literal(b).Body)
		stripped := newer
		stripped.RegistrationCode = newer.Digits()
		tries = append(tries, try{"the digits of a code of version 2, without its locator", e.literal(stripped).Body},
			try{"a request of version 2", e.request(newer).Body})
		expectUnchanged(ctx, t, func() {
			e.expectRefused(ctx, tries...)
			e.as(2).expectRefused(ctx, try{"a request of version 1, where version 2 is spoken", one.Body})
		})
		e.expectAccepted(ctx, a, one, "the request as it was sent")
		e.as(2).expectDelivered(ctx, newer, "the code of version 2, in its own version")
		conformance.Observe("v1: %d requests with a field replaced or left out, spelt in another encoding, or of version 2: the uniform refusal each time, nothing changed in the store; the originals were still good", len(tries))
	})

	It("is not misled by a field that its request does not authenticate (v1)", conformance.Claims("ST-6.5-M2"), func(ctx SpecContext) {
		e := openV1(t)
		c := e.enrol(ctx)
		s := e.literal(c)
		changed := e.literal(c, func(r *oracle.LiteralRequest) { r.OAEP = s.Block })
		answer := e.send(ctx, changed.Body)[0]
		_, err := s.Open(answer.Body, e.now())
		Expect(err).To(HaveOccurred(), "the phone accepts the answer to a request whose nonce was changed on its way")
		if e.state(ctx, c) == conformance.Public("provisioned") {
			conformance.Limit("v1, the text taken literally: nothing binds the request's clear fields to the RSA block (PROTOCOL-1.md §8), so a request whose nonce was changed on its way is granted; the phone refuses the answer (%v), but the code is spent", err)
		}
		conformance.Observe("v1: a request whose nonce was changed on its way is refused")
	})
}

// expectKeptFrom: what is on the line is not what it protects.
func (e eps) expectKeptFrom(ctx context.Context) {
	GinkgoHelper()
	c := e.enrol(ctx, longPIN)
	s := e.literal(c)
	answer, grant := e.expectAccepted(ctx, c, s, "the session that is recorded")
	tok, err := grant.Inner().TOK(c.PIN)
	Expect(err).NotTo(HaveOccurred(), "TOK")
	tape := []hunt.Place{{Name: "the request", Data: s.Body}, {Name: "the answer", Data: answer.Body}, {Name: "its headers", Data: []byte(headers(answer.Header))}}
	hunt.For(
		hunt.Digits("the PIN", c.PIN), hunt.Digits("the digits of the code", c.Digits()),
		hunt.Bytes("K1", s.Request.K1), hunt.Bytes("K2", s.Request.K2),
		hunt.Bytes("C", grant.Inner().C), hunt.Bytes("TOK", tok),
	).ExpectNothing(tape)
	conformance.Observe("v1: looked for in request, headers and answer: code, PIN, K1, K2, C and TOK. Below TLS the names of service and token, the salt and the parameters are in clear: the text encrypts the key alone")
}

// degenerate are requests whose keys are no two good ones.
func (e eps) degenerate(c people.User) []try {
	GinkgoHelper()
	var tries []try
	for what, knob := range map[string]func(*oracle.LiteralRequest){
		"K1 = K2":            func(r *oracle.LiteralRequest) { r.K2 = r.K1 },
		"K1 of zeros":        func(r *oracle.LiteralRequest) { r.K1 = make([]byte, 32) },
		"K2 of zeros":        func(r *oracle.LiteralRequest) { r.K2 = make([]byte, 32) },
		"K1 of equal bytes":  func(r *oracle.LiteralRequest) { r.K1 = bytes.Repeat([]byte{0xa5}, 32) },
		"K2 of equal bytes":  func(r *oracle.LiteralRequest) { r.K2 = bytes.Repeat([]byte{0xff}, 32) },
		"K1 of 16 bytes":     func(r *oracle.LiteralRequest) { r.K1 = r.K1[:16] },
		"K2 of 31 bytes":     func(r *oracle.LiteralRequest) { r.K2 = r.K2[:31] },
		"neither K1 nor K2":  func(r *oracle.LiteralRequest) { r.K1, r.K2 = nil, nil },
		"no code":            func(r *oracle.LiteralRequest) { r.Code = "" },
		"a code of 12 bytes": func(r *oracle.LiteralRequest) { r.Code += "0" },
		"a code of letters":  func(r *oracle.LiteralRequest) { r.Code = "' OR 1=1 --" },
	} {
		tries = append(tries, try{what + " (v1)", e.literal(c, knob).Body})
	}
	return tries
}

// literallyPadded are requests whose secrets are right and whose RSA block is not.
func (e eps) literallyPadded(c people.User) []try {
	GinkgoHelper()
	p := e.Pinned()
	key, size := p.V1.Key, p.V1.Key.Size()
	var tries []try
	for what, encrypt := range map[string]func(plain []byte) ([]byte, error){
		"PKCS#1 v1.5": func(plain []byte) ([]byte, error) {
			//lint:ignore SA1019 an EPS has to refuse it
			return rsa.EncryptPKCS1v15(rand.Reader, key, plain)
		},
		"the other OAEP hash":  func(plain []byte) ([]byte, error) { return oaep(key, 3-p.Suite, plain, nil) },
		"an OAEP label":        func(plain []byte) ([]byte, error) { return oaep(key, p.Suite, plain, []byte("label")) },
		"no padding":           func(plain []byte) ([]byte, error) { return append(make([]byte, size-len(plain)), plain...), nil },
		"a block of zeros":     func([]byte) ([]byte, error) { return make([]byte, size), nil },
		"the key of version 2": func(plain []byte) ([]byte, error) { return oaep(p.Key, p.Suite, plain, nil) },
	} {
		s := e.literal(c, func(r *oracle.LiteralRequest) {
			var err error
			if r.OAEP, err = encrypt(bytes.Join([][]byte{r.K1, r.K2, []byte(r.Code)}, nil)); err != nil {
				conformance.Broken("%s: %v", what, err)
			}
		})
		tries = append(tries, try{"keys and code in " + what + " (v1)", s.Body})
	}
	unknown := e.literal(c, func(r *oracle.LiteralRequest) { r.KeyID = flip(r.KeyID, 0) })
	other := e.literal(c, func(r *oracle.LiteralRequest) { r.KeyID = p.KeyID })
	return append(tries, try{"an unknown key id (v1)", unknown.Body}, try{"the key id of version 2 (v1)", other.Body})
}

// literallyChanged are requests with one field replaced by one that looks as good, left out,
// or spelt otherwise; the nonce has a spec of its own.
func (e eps) literallyChanged(body, other []byte) []try {
	GinkgoHelper()
	fields, theirs := literalFields(body), literalFields(other)
	var tries []try
	for i, values := range [][]any{
		{"epsbench", "", 1}, {0, 2, 3, 255}, {0, 3 - e.Pinned().Suite, 3}, {make([]byte, 16), []byte{}, nil, e.Pinned().KeyID},
		{e.Declared().Services[1], "", "no.such.service", "Bank.Example", 7}, {make([]byte, 31), []byte{}}, {make([]byte, e.Pinned().V1.Key.Size()), []byte{}},
	} {
		for _, v := range values {
			changed := append([]any{}, fields...)
			changed[i] = v
			tries = append(tries, try{fmt.Sprintf("another value in field %d of the request (v1)", i), encode(changed)})
		}
		tries = append(tries, try{fmt.Sprintf("field %d of the request left out (v1)", i), encode(append(append([]any{}, fields[:i]...), fields[i+1:]...))})
	}
	flipped := flip(theirs[6].([]byte), 99)
	changed := append([]any{}, fields...)
	changed[6] = flipped
	return append(tries,
		try{"a changed RSA block of another session (v1)", encode(changed)},
		try{"a field more in the request (v1)", encode(append(append([]any{}, fields...), 0))},
		try{"a byte behind the request (v1)", append(bytes.Clone(body), 0)},
		try{"an array of indefinite length (v1)", bytes.Join([][]byte{{0x9f}, body[1:], {0xff}}, nil)},
		try{"a longer count of the array (v1)", append([]byte{0x98, 0x07}, body[1:]...)},
		try{"a request cut short (v1)", body[:len(body)-1]})
}

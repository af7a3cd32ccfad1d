package mpp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

func recorded(t conformance.Target) {
	It("shows nothing to who records a session below TLS", conformance.Claims("ST-6.5-M1"), func(ctx SpecContext) {
		e := open(t)
		c, other := e.enrol(ctx), e.enrol(ctx)
		s := e.request(c)
		answer, grant := e.expectAccepted(ctx, c, s, "the session that is recorded")
		tok, err := grant.Inner().TOK(c.PIN)
		Expect(err).NotTo(HaveOccurred(), "TOK")
		secrets := map[string][]byte{
			"the locator of the code": []byte(c.locator()), "the digits of the code": []byte(c.digits()),
			"the PIN": []byte(c.PIN), "C": grant.Inner().C, "TOK": tok, "the token's id": []byte(c.Token),
		}
		tape := slices.Concat(s.Body, []byte(headers(answer.Header)), answer.Body)
		for name, secret := range secrets {
			planted := append(slices.Clone(tape), hex.EncodeToString(secret)...)
			Expect(holds(planted, secret)).To(BeTrue(), "the search finds %s where it was planted", name)
			Expect(holds(tape, secret)).To(BeFalse(), "%s is in the recorded session in clear", name)
		}
		_, err = s.Rogue().Open(answer.Body, e.now())
		Expect(err).To(HaveOccurred(), "the answer opens with keys that are not its own")
		stranger := e.request(other)
		e.expectAccepted(ctx, other, stranger, "another session")
		_, err = stranger.Open(answer.Body, e.now())
		Expect(err).To(HaveOccurred(), "the answer opens with the keys of another session")
		conformance.Observe("%d bytes of request, headers and answer hold neither code, PIN, C, TOK nor the token's id, raw, in hexadecimal or base64; the answer opens with no keys but its own",
			len(tape))
	})
}

// holds searches secret in data, as it is and in the encodings that text formats use.
func holds(data, secret []byte) bool {
	lower := bytes.ToLower(data)
	return bytes.Contains(data, secret) ||
		bytes.Contains(lower, []byte(hex.EncodeToString(secret))) ||
		bytes.Contains(data, []byte(base64.StdEncoding.EncodeToString(secret))) ||
		bytes.Contains(data, []byte(base64.RawURLEncoding.EncodeToString(secret)))
}

package mpp

import (
	"github.com/fxamacker/cbor/v2"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// captured: what was recorded of one session is put into others.
func captured(t conformance.Target) {
	It("makes nothing of a captured request or answer in a new session", conformance.Claims("ATK-07"), func(ctx SpecContext) {
		e := open(t)
		alice, bob := e.enrol(ctx), e.enrol(ctx)
		recorded := e.request(alice)
		answer, _ := e.expectAccepted(ctx, alice, recorded, "the session that is captured")
		again, others := e.request(alice), e.request(bob)

		tries := append([]try{{"the captured request, as it was", recorded.Body}}, spliced(recorded.Body, again.Body)...)
		tries = append(tries, spliced(again.Body, recorded.Body)...)
		tries = append(tries, spliced(others.Body, recorded.Body)...)
		e.expectRefused(ctx, tries...)
		Expect(e.state(ctx, bob)).To(Equal(conformance.Public("issued")), "state of a token after another's request was put to use")

		own, grant, err := e.provision(ctx, others)
		Expect(err).NotTo(HaveOccurred(), "the right request after all that")
		Expect(grant.Token).To(Equal(bob.Token), "the token that the grant names")
		answers := [][]byte{answer.Body, crossed(answer.Body, own.Body), crossed(own.Body, answer.Body)}
		for i, body := range answers {
			for _, s := range []struct {
				of   string
				open func([]byte) error
			}{
				{"the same token", func(b []byte) error { _, err := again.Open(b, e.now()); return err }},
				{"another token", func(b []byte) error { _, err := others.Open(b, e.now()); return err }},
			} {
				Expect(s.open(body)).NotTo(Succeed(), "a phone in a new session for %s takes captured answer %d", s.of, i)
			}
		}
		conformance.Observe("%d requests made of a captured one and new ones got the uniform refusal; %d answers made of a captured one and another are refused by phones in new sessions; the right request was granted after them", len(tries), len(answers))
	})
}

// crossed is the header of one answer with the box of another.
func crossed(a, b []byte) []byte {
	GinkgoHelper()
	var first, second [2][]byte
	if cbor.Unmarshal(a, &first) != nil || cbor.Unmarshal(b, &second) != nil {
		conformance.Broken("an answer that a phone has accepted is no pair")
	}
	return encode([]any{first[0], second[1]})
}

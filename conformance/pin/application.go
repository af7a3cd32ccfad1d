package pin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// wishes are what an application could ask for, to get a token without the PIN layer or a
// weaker one.
var wishes = []struct {
	name string
	knob func(*oracle.Request)
}{
	{"nothing unusual", func(*oracle.Request) {}},
	{"version 0", func(r *oracle.Request) { r.Version = 0 }},
	{"version 1", func(r *oracle.Request) { r.Version = 1 }},
	{"version 3", func(r *oracle.Request) { r.Version = 3 }},
	{"another protocol", func(r *oracle.Request) { r.Protocol = "epsbench-mpp-plain" }},
	{"suite 0", func(r *oracle.Request) { r.Suite = 0 }},
	{"suite 1", func(r *oracle.Request) { r.Suite = 1 }},
	{"suite 2", func(r *oracle.Request) { r.Suite = 2 }},
	{"suite 3", func(r *oracle.Request) { r.Suite = 3 }},
	{"versions from 0", func(r *oracle.Request) { r.Lowest = 0 }},
	{"versions from 1", func(r *oracle.Request) { r.Lowest = 1 }},
	{"versions 0 to 1", func(r *oracle.Request) { r.Lowest, r.Highest = 0, 1 }},
	{"versions to 3", func(r *oracle.Request) { r.Highest = 3 }},
	{"versions 0 to 255", func(r *oracle.Request) { r.Lowest, r.Highest = 0, 255 }},
	{"a flag in the padding", func(r *oracle.Request) { r.RewritePlain = set(22, 1) }},
	{"all flags in the padding", func(r *oracle.Request) { r.RewritePlain = set(31, 0xff) }},
	{"a field more in the header", func(r *oracle.Request) {
		r.RewriteHeader = func(b []byte) []byte { b[0]++; return append(b, 0xf5) } // true
	}},
	{"a field less in the header", func(r *oracle.Request) { r.RewriteHeader = set(0, 0x87) }},
	{"a known S", func(r *oracle.Request) { r.S = make([]byte, 32) }},
	{"a short S", func(r *oracle.Request) { r.S = make([]byte, 16) }},
	{"a nonce of zeros", func(r *oracle.Request) { r.Nonce = make([]byte, 32) }},
}

// set changes one byte.
func set(at int, to byte) func([]byte) []byte {
	return func(b []byte) []byte { b[at] = to; return b }
}

// application holds the spec on what the application can ask for.
func application(t conformance.Target) {
	It("keeps the PIN layer whatever the application asks for", conformance.Claims("ST-6.1-c"), func(ctx SpecContext) {
		var granted []*holder
		var names []string
		for i, h := range conformance.Together(len(wishes), func(i int) *holder { return wished(ctx, t, i) }) {
			if h != nil {
				granted, names = append(granted, h), append(names, wishes[i].name)
			}
		}
		Expect(granted).NotTo(BeEmpty(), "tokens that were granted")
		conformance.Observe("of %d wishes %d get a token, with its layer whole (%s); the others get the one refusal", len(wishes), len(granted), strings.Join(names, ", "))
		granted = append(granted, holders(ctx, t, fewer.tokens, "application", conformance.EnrolRequest{PINDigits: solvedDigits})...)
		expectNoChecksum(phones(granted))
	})
}

// wished gives the holder of a token that came with the layer whole, or nil for a refusal.
func wished(ctx context.Context, t conformance.Target, i int) *holder {
	GinkgoHelper()
	wish := wishes[i]
	h := enrolled(ctx, t, "application", conformance.EnrolRequest{PINDigits: solvedDigits})
	pinned := t.(conformance.Provisioner).Pinned()
	asked := oracle.Request{Suite: pinned.Suite}
	if wish.knob(&asked); asked.Suite == 1 || asked.Suite == 2 {
		pinned.Suite = asked.Suite // the phone accepts what it has asked for
	}
	session, err := oracle.Build(pinned, h.RegistrationCode, h.Service, wish.knob)
	Expect(err).NotTo(HaveOccurred(), "%s: a request", wish.name)
	answer, grant, err := people.Post(ctx, h.EPS, fmt.Sprintf("127.0.61.%d", i+1), session)
	var refusal oracle.Refusal
	if errors.As(err, &refusal) {
		Expect(answer.Body).To(HaveLen(oracle.ResponseSize), "%s: length of a refusal", wish.name)
		Expect(refusal).To(Equal(oracle.BadShape), "%s: an answer that is neither a refusal nor a token for the phone", wish.name)
		return nil
	}
	Expect(err).NotTo(HaveOccurred(), "%s", wish.name)
	h.Answer = answer.Body
	Expect(h.Has(grant)).To(Succeed(), "%s: suite of the token", wish.name)
	h.expectLayer(ctx)
	return h
}

// expectNoChecksum: no structure of keys is in all of the TOKs.
func expectNoChecksum(victims []phone) {
	GinkgoHelper()
	for _, s := range slices.Concat(structures[1:], constants(victims)) {
		all := every(victims, func(v phone) bool { return s.holds(v.Inner, v.right) })
		Expect(all).To(BeFalse(), "a structure of keys is in every token: %s", s.name)
	}
	conformance.Observe("no structure of keys is common to %d tokens", len(victims))
}

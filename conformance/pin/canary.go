package pin

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
)

// A PIN of so many digits is found by a search for it, and by nothing else.
const canaryDigits = 12

// canary holds the specs on where PINs are, and where they come from.
func canary(t conformance.Target) {
	It("stores, logs and repeats no PIN", conformance.Claims("ST-B1"), func(ctx SpecContext) {
		users := holders(ctx, t, 1, "canary", conformance.EnrolRequest{PINDigits: canaryDigits})
		for _, h := range users {
			h.accepts(ctx, h.with(neighbours(h.PIN)[0]))
			h.accepts(ctx, h.right())
		}
		waiting := enrolled(ctx, t, "canary-without-phone", conformance.EnrolRequest{PINDigits: canaryDigits})
		users = append(users, waiting)
		h := hunt.For(canaries(users)...)
		stored := slices.Concat(hunt.Columns(ctx, t), hunt.Files(ctx, t))
		h.ExpectNothing(stored)
		h.ExpectNothing(hunt.Logs(ctx, t))
		expectReached(users, stored, hunt.Logs(ctx, t))
		var told []hunt.Place
		for _, u := range users {
			told = append(told, hunt.Answers(ctx, t, u.Token))
		}
		h.ExpectNothing(told)
	})
	It("draws a PIN of its own for each service", conformance.Claims("ST-B1"), func(ctx SpecContext) {
		services := declared(t).Services
		Expect(len(services)).To(BeNumerically(">", 1), "services that the target declares")
		pairs := conformance.Together(8, func(int) [2]string {
			first := enrolled(ctx, t, "service", conformance.EnrolRequest{Service: services[0], PINDigits: canaryDigits})
			second := enrolled(ctx, t, "", conformance.EnrolRequest{Service: services[1], User: first.Name, PINDigits: canaryDigits})
			return [2]string{first.PIN, second.PIN}
		})
		places, same := 0, 0
		seen := map[string]bool{}
		for _, p := range pairs {
			seen[p[0]], seen[p[1]] = true, true
			for i := range p[0] {
				places++
				if p[0][i] == p[1][i] {
					same++
				}
			}
		}
		conformance.Observe("%d users at two services each: %d different PINs; of %d digits at the same place %d agree, where chance has %.1f", len(pairs), len(seen), places, same, float64(places)/10)
		Expect(seen).To(HaveLen(2*len(pairs)), "different PINs of users at two services each")
		Expect(distuv.Binomial{N: float64(places), P: 0.1}.Survival(float64(same)-1)).To(BeNumerically(">", 1/oneIn), "digits that a user's two PINs share, as chance has it")
	})
}

// canaries are the PINs, what hashes make of them, and the keys that they make.
func canaries(users []*holder) []hunt.Needle {
	GinkgoHelper()
	var all []hunt.Needle
	for _, h := range users {
		all = append(all, hunt.Digits("a PIN", h.PIN))
		for _, text := range []string{h.PIN, h.Name + h.PIN, h.PIN + h.Name, h.Token + h.PIN, h.PIN + h.Token, string(h.Grant.Salt) + h.PIN} {
			all = append(all, hunt.Hashes("a PIN", []byte(text))...)
		}
		if len(h.Grant.Salt) > 0 {
			all = append(all, hunt.Bytes("the KEK of a PIN", h.phone().right.KEK))
		}
	}
	return all
}

// expectReached shows that the search reaches what these users leave: their names are in
// the database and in its files, and their tokens in the log.
func expectReached(users []*holder, stored, logs []hunt.Place) {
	GinkgoHelper()
	for _, u := range users {
		name, token := hunt.For(hunt.Bytes("a name", []byte(u.Name))), hunt.For(hunt.Bytes("a token's id", []byte(u.Token)))
		found := func(h *hunt.Hunt) func(hunt.Place) bool { return func(p hunt.Place) bool { return h.Found(p.Data) } }
		if !slices.ContainsFunc(stored, found(name)) || !slices.ContainsFunc(logs, found(token)) {
			conformance.Broken("control: the search does not find a user's name in what is stored, or his token in the log")
		}
	}
	conformance.Observe("control: the same search finds the names of the %d users in what is stored, and their tokens in the log", len(users))
}

// expectHidden: a secret is in nothing that the target says of the holder's token.
func (h *holder) expectHidden(ctx context.Context, name string, secret []byte) {
	GinkgoHelper()
	hunt.For(hunt.Bytes(name, secret)).ExpectNothing([]hunt.Place{
		{Name: "the answer to the phone", Data: h.Answer},
		{Name: "what the phone unpacks of it", Data: h.unpacked()},
		hunt.Answers(ctx, h.target, h.Token),
	})
}

// unpacked is every field of the grant that is bytes or text.
func (h *holder) unpacked() []byte {
	g, in := h.Grant, h.Grant.Inner()
	return slices.Concat(in.C, g.W, g.Salt, g.Ticket, []byte(g.EPS+g.Service+g.Token+g.KDF+g.Suite))
}

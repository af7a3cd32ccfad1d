package authserver

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// atOnce is how many equal responses race for a challenge.
const atOnce = 200

// once holds the specs on what a challenge is good for: one response, of whom was asked.
func once(t conformance.Target) {
	It("takes one response to a challenge", conformance.Claims("RGS-C-11"), func(ctx SpecContext) {
		takesOne(ctx, t)
	})
	It("takes one of 200 equal responses at the same time", conformance.Claims("RGS-C-11"), func(ctx SpecContext) {
		takesOneOfMany(ctx, t)
	})
	It("takes a response of the user and in the session that were asked only", conformance.Claims("RGS-C-11"), func(ctx SpecContext) {
		takesFromWhomWasAsked(ctx, t)
	})
	It("takes no response after the challenge's end", conformance.Claims("RGS-C-11"), func(ctx SpecContext) {
		takesInTime(ctx, t)
	})
}

// takesOne works with a suite in which nothing moves: only the challenge can end a response.
func takesOne(ctx context.Context, t conformance.Target) {
	h := imported(ctx, t, "once", stillSuite, secret())
	used, missed := h.asked(ctx), h.asked(ctx)
	right := h.response(used.Question, "")
	Expect(h.takes(ctx, used.ID, "", right)).To(BeTrue(), "the right response is refused")
	Expect(h.takes(ctx, used.ID, "", right)).To(BeFalse(), "the right response is accepted a second time")
	right = h.response(missed.Question, "")
	Expect(h.takes(ctx, missed.ID, "", another(right))).To(BeFalse(), "a wrong response is accepted")
	Expect(h.takes(ctx, missed.ID, "", right)).To(BeFalse(), "after a wrong response to the same challenge the right one is accepted")
	Expect(t.(conformance.Restarter).Restart(ctx)).To(Succeed(), "restart of the target")
	Expect(h.takes(ctx, used.ID, "", h.response(used.Question, ""))).To(BeFalse(), "after a restart a used challenge takes its response again")
	conformance.Observe("a right response is accepted once, and refused again after a restart; a wrong one uses its challenge up")
}

func takesOneOfMany(ctx context.Context, t conformance.Target) {
	h := imported(ctx, t, "parallel", stillSuite, secret())
	c := h.asked(ctx)
	reply := conformance.Reply{Challenge: c.ID, Service: h.service, User: h.user, Response: h.response(c.Question, "")}
	errs := make([]error, atOnce)
	accepted := 0
	for _, v := range parallel(atOnce, atOnce, func(i int) (v conformance.Validation) {
		v, errs[i] = t.(conformance.Challenger).Respond(ctx, reply)
		return v
	}) {
		if v.Accepted {
			accepted++
		}
	}
	Expect(errors.Join(errs...)).NotTo(HaveOccurred(), "responses")
	next := h.asked(ctx)
	conformance.Observe("of %d equal right responses at the same time %d was accepted; the others were not counted as failures", atOnce, accepted)
	Expect(accepted).To(Equal(1), "parallel equal responses that are accepted")
	Expect(h.takes(ctx, next.ID, "", h.response(next.Question, ""))).To(BeTrue(), "after them the response to another challenge is refused")
}

// takesFromWhomWasAsked: both users have the same secret, so that a response is right for
// either, and only the binding tells them apart.
func takesFromWhomWasAsked(ctx context.Context, t conformance.Target) {
	same := secret()
	alice, bob := imported(ctx, t, "asked", sessionSuite, same), imported(ctx, t, "other", sessionSuite, same)
	const hers, his = "session 1", "session 2"
	c := alice.asked(ctx, session(hers))
	right := alice.response(c.Question, hers)
	Expect(bob.takes(ctx, c.ID, hers, right)).To(BeFalse(), "the response to another user's challenge is accepted")
	Expect(alice.takes(ctx, c.ID, his, right)).To(BeFalse(), "a response in another session is accepted")
	Expect(alice.takes(ctx, c.ID, "", right)).To(BeFalse(), "a response without its session is accepted")
	Expect(alice.takes(ctx, c.ID, hers, right)).To(BeTrue(), "the response in the session that was asked is refused")
	c = alice.asked(ctx, session(hers))
	Expect(alice.takes(ctx, c.ID, hers, alice.response(c.Question, his))).To(BeFalse(), "a response computed in another session is accepted")

	carol := imported(ctx, t, "page", stillSuite, secret())
	c = carol.asked(ctx, session(hers)) // bound to a session that the suite knows nothing of
	Expect(carol.takes(ctx, c.ID, his, carol.response(c.Question, ""))).To(BeFalse(), "a response in another session is accepted")
	Expect(carol.takes(ctx, c.ID, hers, carol.response(c.Question, ""))).To(BeTrue(), "the response in the session that was asked is refused")
	conformance.Observe("a right response is refused from another user with the same secret, in another session and without one, and accepted as it was asked; one computed over another session is refused")
}

func takesInTime(ctx context.Context, t conformance.Target) {
	const validity = time.Minute
	h := imported(ctx, t, "late", stillSuite, secret())
	start := conformance.Now(t).Truncate(time.Second)
	conformance.SetClock(t, start)
	inTime, late := h.asked(ctx, validFor(validity)), h.asked(ctx, validFor(validity))
	t.(conformance.Clock).SetClock(start.Add(validity - time.Second))
	Expect(h.takes(ctx, inTime.ID, "", h.response(inTime.Question, ""))).To(BeTrue(), "a second before the challenge's end its response is refused")
	t.(conformance.Clock).SetClock(start.Add(validity))
	Expect(h.takes(ctx, late.ID, "", h.response(late.Question, ""))).To(BeFalse(), "a response is accepted after its challenge has expired")
	conformance.Observe("a challenge of %v takes its response a second before its end, and not at its end", validity)
}

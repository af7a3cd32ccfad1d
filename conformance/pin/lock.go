package pin

import (
	"context"
	"maps"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// atOnce is how many requests race for a lock or for an OTP.
const atOnce = 200

// lock holds the specs on the limit of wrong OTPs.
func lock(t conformance.Target, n size) {
	It("blocks at the declared number of failures, and then answers as before", conformance.Claims("ST-6.1-e"), func(ctx SpecContext) {
		blocks(ctx, t)
	})
	It("keeps count and block across a restart", conformance.Claims("ST-6.1-e"), func(ctx SpecContext) {
		survivesRestart(ctx, t)
	})
	It("counts failures that come at the same time", conformance.Claims("ST-6.1-e"), func(ctx SpecContext) {
		countsParallel(ctx, t, n.crowd)
	})
	It("holds the limit under 200 parallel tries", conformance.Claims("ST-6.1-e"), func(ctx SpecContext) {
		holdsUnderMany(ctx, t)
	})
	It("accepts one of 200 parallel equal OTPs", conformance.Claims("ST-6.1-e"), func(ctx SpecContext) {
		acceptsOne(ctx, t)
	})
}

func blocks(ctx context.Context, t conformance.Target) {
	limit := declared(t).LockAfter
	careful, blocked := oneHolder(ctx, t, "careful", conformance.EnrolRequest{}), oneHolder(ctx, t, "blocked", conformance.EnrolRequest{})
	said := refusedTo(ctx, map[*holder]int{careful: limit - 1, blocked: limit})
	Expect(careful.login(ctx)).To(BeTrue(), "after %d wrong OTPs the right one is refused, one before the declared limit", limit-1)
	for range 2 {
		v := blocked.submit(ctx, blocked.right())
		Expect(v.accepted).To(BeFalse(), "after %d wrong OTPs the right one is accepted", limit)
		said = append(said, v.text)
		blocked.Next++
	}
	expectOne(said, "answers before and after the block")
	conformance.Observe("%d wrong OTPs leave the right one accepted, %d block; then two right ones get the answer of the wrong ones, byte by byte: status, headers without the date, body", limit-1, limit)
}

func survivesRestart(ctx context.Context, t conformance.Target) {
	limit := declared(t).LockAfter
	hs := holders(ctx, t, 3, "restart", conformance.EnrolRequest{})
	counted, blocked, fresh := hs[0], hs[1], hs[2]
	refusedTo(ctx, map[*holder]int{counted: limit - 1, blocked: limit})
	Expect(t.(conformance.Restarter).Restart(ctx)).To(Succeed(), "restart of the target")
	Expect(fresh.login(ctx)).To(BeTrue(), "after the restart a right OTP is refused")
	Expect(blocked.login(ctx)).To(BeFalse(), "a restart ends the block")
	counted.refusals(ctx, 1)
	Expect(counted.login(ctx)).To(BeFalse(), "a restart clears the count: with one failure more the right OTP is accepted")
	conformance.Observe("%d failures before a restart and one after it block; a block before it holds; another user's right OTP is accepted", limit-1)
}

func countsParallel(ctx context.Context, t conformance.Target, users int) {
	limit := declared(t).LockAfter
	crowd := holders(ctx, t, users, "crowd", conformance.EnrolRequest{})
	each(len(crowd), func(i int) {
		h := crowd[i]
		otps := h.wrong(limit)
		each(limit, func(k int) { h.accepts(ctx, otps[k]) })
		Expect(h.login(ctx)).To(BeFalse(), "after %d wrong OTPs at the same time the right one is accepted: a failure was lost", limit)
	})
	conformance.Observe("%d users with just %d wrong OTPs each, sent at the same time: all are blocked", len(crowd), limit)
}

func holdsUnderMany(ctx context.Context, t conformance.Target) {
	limit := declared(t).LockAfter
	h := oneHolder(ctx, t, "parallel", conformance.EnrolRequest{})
	otps, right := h.wrong(atOnce), h.right()
	refused := make(chan struct{}, atOnce+1)
	var last sync.WaitGroup
	last.Go(func() {
		defer GinkgoRecover()
		for range limit {
			<-refused
		}
		Expect(h.accepts(ctx, right)).To(BeFalse(), "with %d of %d parallel tries refused, the right OTP is accepted", limit, atOnce)
	})
	said := conformance.Together(atOnce, func(i int) string {
		defer func() { refused <- struct{}{} }()
		v := h.submit(ctx, otps[i])
		Expect(v.accepted).To(BeFalse(), "an OTP of no counter near is accepted")
		return v.text
	})
	last.Wait()
	Expect(h.accepts(ctx, right)).To(BeFalse(), "after %d parallel tries the right OTP is accepted", atOnce)
	expectOne(said, "answers to parallel tries")
	conformance.Observe("%d different wrong OTPs at the same time get one answer; the right one, sent when %d of them were refused and again when all were, is refused", atOnce, limit)
}

func acceptsOne(ctx context.Context, t conformance.Target) {
	h := oneHolder(ctx, t, "equal", conformance.EnrolRequest{})
	otp, accepted := h.right(), 0
	for _, yes := range conformance.Together(atOnce, func(int) bool { return h.accepts(ctx, otp) }) {
		if yes {
			accepted++
		}
	}
	conformance.Observe("of %d equal right OTPs at the same time %d was accepted", atOnce, accepted)
	Expect(accepted).To(Equal(1), "parallel equal OTPs that are accepted")
}

// refusedTo gives each holder a number of refusals, one after the other, and all holders
// theirs at the same time.
func refusedTo(ctx context.Context, counts map[*holder]int) (said []string) {
	GinkgoHelper()
	hs := slices.Collect(maps.Keys(counts))
	return slices.Concat(conformance.Together(len(hs), func(i int) []string { return hs[i].refusals(ctx, counts[hs[i]]) })...)
}

// expectOne: an observer cannot tell one answer from another.
func expectOne(said []string, what string) {
	GinkgoHelper()
	different := map[string]bool{}
	for _, text := range said {
		different[text] = true
	}
	Expect(different).To(HaveLen(1), "different %s (status, headers, body)", what)
}

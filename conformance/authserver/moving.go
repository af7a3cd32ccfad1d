package authserver

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// beyond is how far past a window the specs look, to either side.
const beyond = 3

// moving: what moves a window does not widen it, and does not lead back.
func moving(t conformance.Target) {
	It("resynchronises within the declared reach, and not backwards", conformance.Claims("ATK-10"), func(ctx SpecContext) {
		far := declared(t).Resynchronise
		edges := [][2]int{{-beyond, beyond}, {far - beyond, far + beyond}}
		want := [][]int{span(0, beyond), span(far-beyond, far)}
		for i, edge := range edges {
			got := accepted(edge[0], edge[1], func(offset int) bool {
				u := fresh(ctx, t, hotp, first)
				return u.resynchronises(ctx, u.in(uint64(first+offset), 2)...)
			})
			Expect(got).To(Equal(want[i]), "of the offsets %d to %d of a pair of OTPs these resynchronise: %v, declared 0 to %d", edge[0], edge[1], got, far)
		}
		u := fresh(ctx, t, hotp, first)
		Expect(u.resynchronises(ctx, u.otp(first+20), u.otp(first+22))).To(BeFalse(), "OTPs with a gap resynchronise")
		Expect(u.resynchronises(ctx, u.otp(first+21), u.otp(first+20))).To(BeFalse(), "OTPs in reverse resynchronise")
		conformance.Observe("pairs of OTPs resynchronise from 0 to %d counters ahead; one before, one further, with a gap or in reverse they do not", far)
	})
	It("has the declared look-ahead after a resynchronisation, and after one that failed", conformance.Claims("ATK-10"), func(ctx SpecContext) {
		ahead, far := declared(t).LookAhead, declared(t).Resynchronise/2
		expected := first + far + 2
		after := accepted(-beyond, ahead+beyond, func(offset int) bool {
			u := fresh(ctx, t, hotp, first)
			Expect(u.resynchronises(ctx, u.in(uint64(first+far), 2)...)).To(BeTrue(), "a pair of OTPs %d ahead does not resynchronise", far)
			return u.validates(ctx, u.otp(uint64(expected+offset)))
		})
		Expect(after).To(Equal(span(0, ahead)), "after a resynchronisation the accepted offsets are %v, declared 0 to %d", after, ahead)
		failed := accepted(ahead-beyond, ahead+beyond, func(offset int) bool {
			u := fresh(ctx, t, hotp, first)
			Expect(u.resynchronises(ctx, u.wrong(first, 2)...)).To(BeFalse(), "wrong OTPs resynchronise")
			return u.validates(ctx, u.otp(uint64(first+offset)))
		})
		Expect(failed).To(Equal(span(ahead-beyond, ahead)), "after a failed resynchronisation the accepted offsets are %v, declared to %d", failed, ahead)
		conformance.Observe("after a resynchronisation %d ahead the offsets %v are accepted; after a failed one, up to %d", far, after, ahead)
	})
	It("follows a clock that goes wrong with the declared window", conformance.Claims("ATK-10"), func(ctx SpecContext) {
		window, steps := declared(t).Window, 3
		for _, direction := range []int{1, -1} {
			c := started(ctx, t, window+2*beyond+1+window)
			for i := 1; i <= steps; i++ {
				for _, ok := range c.login(ctx, t, func(int) int { return direction * i }) {
					Expect(ok).To(BeTrue(), "a clock %d steps wrong is not followed", i)
				}
			}
			low := direction*steps - window - beyond
			var got []int
			for i, ok := range c.login(ctx, t, func(i int) int { return low + i }) {
				if ok {
					got = append(got, low+i)
				}
			}
			want := span(direction*steps-window, direction*steps+window)
			Expect(got).To(Equal(want), "%d steps of drift remembered, the accepted offsets are %v, declared %v", direction*steps, got, want)
			conformance.Observe("after logins of a clock %+d steps off, of the offsets %d to %d these are accepted: %v", direction*steps, low, low+len(c.users)-1, got)
		}
	})
	It("follows a clock no further than declared", conformance.Claims("ATK-10"), func(ctx SpecContext) {
		bound := declared(t).Offset + declared(t).Window
		c, last := started(ctx, t, 1), 0
		for i := 1; i <= bound+beyond && c.login(ctx, t, func(int) int { return i })[0]; i++ {
			last = i
		}
		conformance.Observe("a clock that gains a step between logins is followed for %d steps, declared %d and the window", last, declared(t).Offset)
		Expect(last).To(Equal(bound), "steps that a clock is followed")
	})
}

// clocked are users with TOTP tokens, at a time of the target that moves on.
type clocked struct {
	users []*seeded
	time  time.Time
}

const step = 30 * time.Second

func started(ctx context.Context, t conformance.Target, n int) *clocked {
	GinkgoHelper()
	c := &clocked{time: conformance.Now(t).Truncate(step).Add(step / 2)}
	conformance.SetClock(t, c.time)
	c.users = conformance.Together(n, func(int) *seeded { return fresh(ctx, t, totp, uint64(c.time.Unix()/30)) })
	return c
}

// login has each user hand in, ten minutes later, the OTP of a clock so many steps off.
func (c *clocked) login(ctx context.Context, t conformance.Target, off func(i int) int) []bool {
	GinkgoHelper()
	c.time = c.time.Add(10 * time.Minute)
	t.(conformance.Clock).SetClock(c.time)
	return conformance.Together(len(c.users), func(i int) bool {
		u := c.users[i]
		return u.validates(ctx, u.otp(u.suite.Moving(c.time)+uint64(off(i))))
	})
}

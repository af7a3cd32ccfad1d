package authserver

import (
	"bytes"
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// rushes is how many phones use one ticket at the same time.
const rushes = 12

// tickets: one token's, once, so often and so long.
func tickets(t conformance.Target, a *activating) {
	It("takes a token's own ticket and no other", conformance.Claims("ACT-ticket"), func(ctx SpecContext) {
		both := a.newcomers(ctx, 2)
		u, other := both[0], both[1]
		right := u.Grant.NewActivation(u.otp(0))
		changed := func(change func(*oracle.Activation)) oracle.Activation {
			a := right
			change(&a)
			return a
		}
		others := []struct {
			what string
			oracle.Activation
		}{
			{"no ticket", changed(func(a *oracle.Activation) { a.Ticket = nil })},
			{"a changed ticket", changed(func(a *oracle.Activation) { a.Ticket = flipped(a.Ticket) })},
			{"another token's ticket", changed(func(a *oracle.Activation) { a.Ticket = other.Grant.Ticket })},
			{"the ticket for another", changed(func(a *oracle.Activation) { a.Token = other.Token })},
			{"a service of another", changed(func(a *oracle.Activation) { a.Service = declared(t).Services[1] })},
			{"another protocol's name", changed(func(a *oracle.Activation) { a.Protocol = "epsbench-mpp" })},
			{"another version", changed(func(a *oracle.Activation) { a.Version = 2 })},
		}
		for i, granted := range conformance.Together(len(others), func(i int) bool { _, granted := u.posts(ctx, others[i].Activation); return granted }) {
			Expect(granted).To(BeFalse(), "%s activates", others[i].what)
		}
		u.expectWaiting(ctx, "after tickets and fields of another")
		other.expectWaiting(ctx, "after its ticket at another token")
		_, granted := u.posts(ctx, right)
		Expect(granted).To(BeTrue(), "after all that the right ticket and OTP do not activate")
		_, granted = u.posts(ctx, right)
		Expect(granted).To(BeTrue(), "the request that has activated gets another answer when it comes again")
		Expect(u.activates(ctx, u.otp(1))).To(BeFalse(), "a spent ticket is taken with another OTP")
		_, granted = u.posts(ctx, right)
		Expect(granted).To(BeFalse(), "a spent ticket that has come with another OTP tells the one that has activated")
		conformance.Observe("%d requests with a ticket or a field of another are refused and leave both tokens as they were; the right one is granted, the same again too, and the ticket with another OTP refused, from then on with every one", len(others))
	})
	It("bears the declared number of tries and no more", conformance.Claims("ACT-ticket"), func(ctx SpecContext) {
		most := declared(a.open(ctx)).Activation.Tries
		u := a.newcomer(ctx, "")
		n := count(conformance.Together(most, func(i int) bool { return u.activates(ctx, u.wrong(i)) }))
		Expect(n).To(BeZero(), "wrong OTPs that activate")
		u.unlock(ctx) // the lock is judged elsewhere
		Expect(u.activates(ctx, u.otp(0))).To(BeFalse(), "after %d tries the ticket is taken", most)
		conformance.Observe("after %d wrong OTPs, and with the token unlocked, the right one is refused", most)
	})
	It("ends in its time", conformance.Claims("ACT-ticket"), func(ctx SpecContext) {
		validity := declared(a.open(ctx)).Activation.Validity
		both := a.newcomers(ctx, 2)
		late, just := both[0], both[1]
		start := conformance.Now(t)
		conformance.SetClock(t, start.Add(validity-time.Minute))
		Expect(just.activates(ctx, just.otp(0))).To(BeTrue(), "a minute before its end the ticket is refused")
		conformance.SetClock(t, start.Add(validity+time.Minute))
		Expect(late.activates(ctx, late.otp(0))).To(BeFalse(), "a minute after its end the ticket is taken")
		late.expectWaiting(ctx, "after the end of its ticket")
		conformance.Observe("a minute before the declared %v the ticket is taken, a minute after them it is not", validity)
	})
	It("activates one of many at the same time", conformance.Claims("ACT-ticket"), func(ctx SpecContext) {
		u := a.newcomer(ctx, "")
		tries := declared(u.target).Activation.Tries
		granted := map[string]int{}
		for i, yes := range conformance.Together(rushes, func(i int) bool { return u.activates(ctx, u.otp(uint64(i%tries))) }) {
			if yes {
				granted[u.otp(uint64(i%tries))]++
			}
		}
		Expect(u.state(ctx)).To(Equal("active"), "state of the token after right OTPs at the same time")
		Expect(len(granted)).To(Equal(1), "OTPs that one ticket activates with")
		for otp, n := range granted {
			Expect(u.validates(ctx, otp)).To(BeFalse(), "the OTP that has activated is accepted")
			conformance.Observe("%d phones with one ticket and %d OTPs at the same time: %d were told of the activation, all with one OTP", rushes, tries, n)
		}
	})
}

func flipped(b []byte) []byte {
	c := bytes.Clone(b)
	c[0] ^= 1
	return c
}

// unlock clears the token's counts, as two operators do.
func (u *user) unlock(ctx context.Context) {
	GinkgoHelper()
	operators := u.target.(conformance.Unlocker)
	asked, err := operators.RequestUnlock(ctx, 0, u.Token)
	Expect(err).NotTo(HaveOccurred(), "request of an unlock")
	Expect(operators.ConfirmUnlock(ctx, 1, asked)).To(Succeed(), "unlock")
}

package pin

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gonum "gonum.org/v1/gonum/stat"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// user is a holder whose secrets are at hand, so that many OTPs cost no derivation.
type user struct {
	*holder
	right, other []byte // TOK under the PIN and under another
	accepted     []float64
	used         string // the last OTP that was accepted
}

// manyTries is a suite whose limit of candidates bears many failures.
const manyTries = "HOTP-SHA256-8"

func oneUser(ctx context.Context, t conformance.Target) *user {
	GinkgoHelper()
	h := oneHolder(ctx, t, "times", conformance.EnrolRequest{Suite: manyTries})
	u := &user{holder: h, right: h.tok(h.PIN), other: h.tok(neighbours(h.PIN)[0])}
	u.enter(ctx)
	return u
}

// enter logs in: it ends a row of failures.
func (u *user) enter(ctx context.Context) {
	GinkgoHelper()
	u.used = u.Suite.OTP(u.right, u.Next)
	v := u.submit(ctx, u.used)
	Expect(v.accepted).To(BeTrue(), "the right OTP is refused")
	u.accepted = append(u.accepted, float64(v.took)/float64(time.Millisecond))
	u.Next++
}

// mistyped is the next OTP of another PIN; of those that the server would take by chance,
// the one behind.
func (u *user) mistyped() string {
	near := map[string]bool{}
	for i := range uint64(oracle.Reach) {
		near[u.Suite.OTP(u.right, u.Next+i)] = true
	}
	for i := u.Next; ; i++ {
		if otp := u.Suite.OTP(u.other, i); !near[otp] {
			return otp
		}
	}
}

// otpCauses are why OTPs are refused. The first two are of users who are known and may
// log in.
var otpCauses = []string{
	"a wrong PIN", "an OTP used before", "an unknown user", "a user of another service", "an unknown service",
	"a blocked user", "a suspended user", "a revoked user",
}

// otpLane makes the users of one lane: one for each cause.
func otpLane(ctx context.Context, t conformance.Target, accepted func(*user)) lane {
	GinkgoHelper()
	mistaken, repeating := oneUser(ctx, t), oneUser(ctx, t)
	accepted(mistaken)
	tries := []try{{mistaken.Service, mistaken.Name, mistaken.mistyped()}, {repeating.Service, repeating.Name, repeating.used}}
	for _, s := range strangers[1:] {
		tries = append(tries, s.make(ctx, t))
	}
	l := lane{rest: func() {
		mistaken.enter(ctx)
		repeating.enter(ctx)
		tries[0].otp, tries[1].otp = mistaken.mistyped(), repeating.used
	}}
	for i := range tries {
		l.takes = append(l.takes, func() time.Duration { return refusal(ctx, t, tries[i]).took })
	}
	return l
}

// expectOTPsRefusedAlike judges the times of the authentication server's refusals.
func expectOTPsRefusedAlike(ctx context.Context, t conformance.Target, n size) {
	GinkgoHelper()
	users := make([]*user, n.lanes)
	causes := interleave(otpCauses, n.lanes, n.otpRounds, func(i int) lane {
		return otpLane(ctx, t, func(u *user) { users[i] = u })
	})
	var accepted []float64
	for _, u := range users {
		accepted = append(accepted, u.accepted...)
	}
	x := timings{"OTPs", float64(declared(t).OTPQuantum) / float64(time.Millisecond), causes, n}
	conformance.Case("right OTPs are answered at once", func() {
		conformance.Observe("%d right OTPs were answered after %.2f ms in the median; refusals wait for the grid of %v ms. The answer says the same, so this time tells nothing else", len(accepted), median(accepted), x.quantum)
	})
	x.expectSameTimes()
}

// mppCauses are why provisioning is refused.
var mppCauses = []string{"a locator that nobody has", "a wrong code", "a code of another service", "a used code"}

// expectProvisioningRefusedAlike judges the times of the EPS's refusals. Codes that live
// die by it, two a round.
func expectProvisioningRefusedAlike(ctx context.Context, t conformance.Target, live, used []*holder, n size) {
	GinkgoHelper()
	pinned := t.(conformance.Provisioner).Pinned()
	services := declared(t).Services
	causes := interleave(mppCauses, n.phones, n.mppRounds, func(first int) lane {
		r := drawer(fmt.Sprintf("codes %d", first))
		nobody := live[0]
		other := func(digits string) string { return uniform(len(digits), decimal).draw(r) }
		next := first
		one := func() *holder {
			i := live[next]
			next += n.phones
			return i
		}
		from := fmt.Sprintf("127.0.70.%d", first+1) // its failures stay below the limit of one source
		refused := func(code, service string) time.Duration {
			return provisioningRefused(ctx, t, pinned, from, code, service)
		}
		return lane{rest: func() {}, takes: []take{
			func() time.Duration {
				return refused(uniform(len(nobody.Locator()), crockford).draw(r)+"-"+other(nobody.Digits()), services[0])
			},
			func() time.Duration { i := one(); return refused(i.Locator()+"-"+other(i.Digits()), services[0]) },
			func() time.Duration { return refused(one().RegistrationCode, services[1]) },
			func() time.Duration { return refused(used[r.IntN(len(used))].RegistrationCode, services[0]) },
		}}
	})
	timings{"provisioning", float64(declared(t).RefusalQuantum) / float64(time.Millisecond), causes, n}.expectSameTimes()
}

func provisioningRefused(ctx context.Context, t conformance.Target, pinned conformance.Pinned, from, code, service string) time.Duration {
	GinkgoHelper()
	session, err := oracle.Build(pinned, code, service)
	Expect(err).NotTo(HaveOccurred(), "a request")
	answer, _, err := people.Post(ctx, t.(conformance.Provisioner), from, session)
	Expect(err).To(Equal(oracle.BadShape), "a request that is to be refused")
	return answer.Took
}

// quantiles are those of a sample, in the order asked for.
func quantiles(x []float64, at ...float64) []float64 {
	sorted := slices.Sorted(slices.Values(x))
	all := make([]float64, len(at))
	for i, p := range at {
		all[i] = gonum.Quantile(p, gonum.Empirical, sorted, nil)
	}
	return all
}

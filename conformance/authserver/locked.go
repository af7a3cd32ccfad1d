package authserver

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// way is a call that judges OTPs. A lock has to block all of them.
type way struct {
	name  string
	wrong func(ctx context.Context, u *seeded, n int) answer // the n-th wrong OTP or OTPs
	right func(ctx context.Context, u *seeded) answer
}

var ways = []way{
	{
		"validation",
		func(ctx context.Context, u *seeded, n int) answer {
			return u.asked(ctx, u.wrong(first, n+1)[n])
		},
		func(ctx context.Context, u *seeded) answer { return u.asked(ctx, u.otp(first)) },
	},
	{
		"resynchronisation",
		func(ctx context.Context, u *seeded, n int) answer {
			return u.handsIn(ctx, u.wrong(first, 2*n+2)[2*n:])
		},
		func(ctx context.Context, u *seeded) answer { return u.handsIn(ctx, u.in(first, 2)) },
	},
}

func (u *seeded) handsIn(ctx context.Context, otps []string) answer {
	GinkgoHelper()
	return answerOf(u.target.(conformance.Resynchroniser).Resynchronise(ctx, u.seed.Service, u.seed.User, otps...))
}

// locked: a failure counts, and a lock holds, whatever way it comes and however it ends.
func locked(t conformance.Target) {
	It("counts a failure though the caller hangs up", conformance.Claims("ATK-11"), func(ctx SpecContext) {
		limit := declared(t).LockAfter
		hungUp, patient := fresh(ctx, t, hotp, first), fresh(ctx, t, hotp, first)
		for i, otp := range hungUp.wrong(first, limit) {
			hangUp(ctx, t, hungUp, otp)
			if i > 0 {
				hangUp(ctx, t, patient, otp)
			}
		}
		Expect(hungUp.validates(ctx, hungUp.otp(first))).To(BeFalse(), "after %d failures whose callers hung up the right OTP is accepted", limit)
		Expect(patient.validates(ctx, patient.otp(first))).To(BeTrue(), "after %d failures the right OTP is refused", limit-1)
		conformance.Observe("%d callers with wrong OTPs who close their side as soon as they have asked block the token, %d do not", limit, limit-1)
	})
	It("counts failures whose transactions conflict", conformance.Claims("ATK-11"), func(ctx SpecContext) {
		const users = 12
		limit, nodes := declared(t).LockAfter, twoNodes(ctx, t)
		crowd := conformance.Together(users, func(int) *seeded { return fresh(ctx, t, hotp, first) })
		conformance.Together(users*limit, func(i int) bool {
			u := crowd[i/limit]
			return u.validates(ctx, u.wrong(first, limit)[i%limit], nodes[i%limit%2])
		})
		for _, ok := range conformance.Together(users, func(i int) bool { return crowd[i].validates(ctx, crowd[i].otp(first)) }) {
			Expect(ok).To(BeFalse(), "after %d failures at the same time on two nodes the right OTP is accepted: one was lost", limit)
		}
		conformance.Observe("%d users with just %d wrong OTPs each, at the same time on two nodes: all are blocked", users, limit)
	})
	It("counts a failure whose transaction is taken back", conformance.Claims("ATK-11"), func(ctx SpecContext) { expectCountedAgain(ctx, t) })
	It("does not tell right OTPs of a blocked token from wrong ones", conformance.Claims("ATK-12"), func(ctx SpecContext) {
		u := fresh(ctx, t, hotp, first)
		u.lock(ctx, ways[0])
		for _, w := range ways {
			w.wrong(ctx, u, 6) // a server may load what it needs for refusals with the first
			wrong, wrongWork := watched(t, func() answer { return w.wrong(ctx, u, 7) })
			right, rightWork := watched(t, func() answer { return w.right(ctx, u) })
			Expect(right.accepted).To(BeFalse(), "%s: the right OTP of a blocked token is accepted", w.name)
			Expect(conformance.Public(right.text)).To(Equal(conformance.Public(wrong.text)), "%s: answer to the right OTP of a blocked token", w.name)
			Expect(rightWork).To(Equal(wrongWork), "%s: HSM calls for the right OTP of a blocked token: %v, for a wrong one: %v", w.name, rightWork, wrongWork)
			conformance.Observe("%s of a blocked token: right and wrong OTPs get the same status, headers and body, and %d calls to the HSM", w.name, len(rightWork))
		}
	})
	It("blocks responses to challenges by failures of them", conformance.Claims("ATK-13"), func(ctx SpecContext) {
		if !t.Capabilities()[conformance.CanChallenge] {
			conformance.Undeclared("challenges are not offered")
		}
		limit := declared(t).LockAfter
		patient, blocked := imported(ctx, t, "patient", stillSuite, secret()), imported(ctx, t, "blocked", stillSuite, secret())
		for i := range limit {
			blocked.fails(ctx)
			if i > 0 {
				patient.fails(ctx)
			}
		}
		Expect(patient.answers(ctx)).To(BeTrue(), "after %d wrong responses the right one is refused", limit-1)
		Expect(blocked.answers(ctx)).To(BeFalse(), "after %d wrong responses the right one is accepted", limit)
		conformance.Observe("%d wrong responses, each to a challenge of its own, block a token for challenges, %d do not", limit, limit-1)
	})
	It("blocks every way in by failures on any of them", conformance.Claims("ATK-13"), func(ctx SpecContext) {
		for _, into := range ways {
			u := fresh(ctx, t, hotp, first)
			u.lock(ctx, into)
			for _, w := range ways {
				Expect(w.right(ctx, u).accepted).To(BeFalse(), "after a lock by %s, %s accepts the right OTP", into.name, w.name)
			}
		}
		u := fresh(ctx, t, hotp, first)
		for i := range declared(t).LockAfter {
			ways[i%len(ways)].wrong(ctx, u, i)
		}
		Expect(u.validates(ctx, u.otp(first))).To(BeFalse(), "failures by turns on %d ways do not add up", len(ways))
		conformance.Observe("%d ways in: failures on each, and on all by turns, block each of them", len(ways))
	})
}

// lock fails on one way as often as is declared.
func (u *seeded) lock(ctx context.Context, w way) {
	GinkgoHelper()
	for i := range declared(u.target).LockAfter {
		Expect(w.wrong(ctx, u, i).accepted).To(BeFalse(), "%s: a wrong OTP is accepted", w.name)
	}
}

// watched gives the answer of a call, and the HSM's functions that it led to.
func watched(t conformance.Target, call func() answer) (answer, []string) {
	GinkgoHelper()
	tracer := t.(conformance.HSMTracer)
	mark := tracer.Mark()
	a := call()
	var functions []string
	for _, c := range tracer.Calls(mark) {
		if c.Slot == "authserver" {
			functions = append(functions, c.Function)
		}
	}
	slices.Sort(functions)
	return a, functions
}

// hangUp hands in an OTP and closes the sending side at once, as the server sees when a
// caller goes; what comes back is read, so that the server is known to be done.
func hangUp(ctx context.Context, t conformance.Target, u *seeded, otp string) {
	GinkgoHelper()
	surfaces := t.(conformance.Listeners).Surfaces()
	s := surfaces[slices.IndexFunc(surfaces, func(s conformance.Surface) bool { return s.Name == surfaceName })]
	at, err := url.Parse(s.URL)
	Expect(err).NotTo(HaveOccurred(), "address of %s", s.Name)
	config := s.Client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos, config.ServerName = []string{"http/1.1"}, at.Hostname()
	plain, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", at.Host)
	Expect(err).NotTo(HaveOccurred(), "connection to %s", s.Name)
	conn := plain.(*tls.Conn)
	defer conn.Close()
	Expect(conn.SetDeadline(time.Now().Add(20 * time.Second))).To(Succeed())
	body, err := json.Marshal(map[string]string{"service": u.seed.Service, "user": u.seed.User, "otp": otp})
	Expect(err).NotTo(HaveOccurred())
	w := bufio.NewWriter(conn)
	_, _ = w.WriteString("POST /v1/validate HTTP/1.1\r\nHost: " + at.Host + "\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	_, _ = w.Write(body)
	Expect(w.Flush()).To(Succeed(), "request of a caller who hangs up")
	Expect(conn.CloseWrite()).To(Succeed(), "a caller hangs up")
	_, _ = io.Copy(io.Discard, conn) // a connection cut off is an end too
}

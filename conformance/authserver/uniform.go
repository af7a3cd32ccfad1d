package authserver

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// refusal is a request that must be refused, and before a ticket is right, like all others.
type refusal struct {
	what string
	body []byte
}

// looks is how often the HSM is watched: what it does for others in between adds to a look.
const looks = 2

// uniform: refusals look like each other, and like a grant.
func uniform(t conformance.Target, a *activating) {
	It("refuses an activation in one way, which is that of a granted one", conformance.Claims("ACT-refusal"), func(ctx SpecContext) {
		both := a.newcomers(ctx, 2)
		u, spent := both[0], both[1]
		granted, ok := spent.posts(ctx, spent.Grant.NewActivation(spent.otp(0)))
		Expect(ok).To(BeTrue(), "the right OTP does not activate")
		unknown, thief := u.Grant.NewActivation(u.otp(0)), u.Grant.NewActivation(u.otp(0))
		unknown.Token, thief.Ticket = strings.Repeat("Z", len(unknown.Token)), flipped(thief.Ticket)
		strangers := []refusal{{"an unknown token", unknown.Body()}, {"a wrong ticket", thief.Body()}}
		seen := map[string]bool{}
		all := append(strangers,
			refusal{"what is no request", []byte("no request")},
			refusal{"a spent ticket", spent.Grant.NewActivation(spent.otp(1)).Body()},
			refusal{"a wrong OTP", u.Grant.NewActivation(u.wrong(0)).Body()})
		answers := conformance.Together(len(all), func(i int) conformance.Answer { answer, _ := u.refused(ctx, all[i]); return answer })
		for i, r := range all {
			answer := answers[i]
			Expect(headersOf(answer.Header)).To(Equal(conformance.Public(headersOf(granted.Header))), "%s: headers, against those of a grant", r.what)
			Expect(answer.Took).To(BeNumerically(">=", declared(t).RefusalQuantum), "%s: the refusal leaves off the grid", r.what)
			Expect(seen).NotTo(HaveKey(string(answer.Body)), "two refusals have the same body")
			seen[string(answer.Body)] = true
		}
		unknownWork, wrongWork := u.leastWork(ctx, strangers[0]), u.leastWork(ctx, strangers[1])
		Expect(unknownWork).NotTo(BeEmpty(), "HSM calls for an unknown token")
		Expect(wrongWork).To(Equal(unknownWork), "HSM calls for a wrong ticket, against those for an unknown token")
		conformance.Observe("%d refusals, each of %d random bytes with the headers of a grant, after %v or more; %d calls to the HSM for an unknown token, and the same for a wrong ticket", len(all), oracle.ActivationSize, declared(t).RefusalQuantum, len(unknownWork))
	})
}

// leastWork is what the EPS's HSM does for a refusal, at the least.
func (u *user) leastWork(ctx context.Context, r refusal) (least []string) {
	GinkgoHelper()
	for i := range looks {
		if _, work := u.refused(ctx, r); i == 0 || len(work) < len(least) {
			least = work
		}
	}
	return least
}

// refused sends what is to be refused, and gives the answer and the work of the EPS's HSM.
func (u *user) refused(ctx context.Context, r refusal) (conformance.Answer, []string) {
	GinkgoHelper()
	tracer := u.target.(conformance.HSMTracer)
	mark := tracer.Mark()
	answer, err := u.target.(conformance.Activator).Activate(ctx, "", r.body)
	Expect(err).NotTo(HaveOccurred(), "%s: no answer", r.what)
	var work []string
	for _, c := range tracer.Calls(mark) {
		if c.Slot == "eps" {
			work = append(work, c.Function)
		}
	}
	Expect(answer.Status).To(Equal(http.StatusOK), "%s: status of the answer", r.what)
	Expect(answer.Body).To(HaveLen(oracle.ActivationSize), "%s: length of the answer", r.what)
	return answer, work
}

func headersOf(h http.Header) conformance.Public {
	var lines []string
	for name, values := range h {
		if name != "Date" {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	slices.Sort(lines)
	return conformance.Public(strings.Join(lines, " | "))
}

// longOTP is a suite whose OTPs do not occur by chance.
const longOTP = "HOTP-SHA256-8"

// kept: neither ticket nor OTP stays anywhere, nor what would give the OTP away.
func kept(t conformance.Target, a *activating) {
	It("keeps neither ticket nor OTP of an activation", conformance.Claims("ACT-kept"), func(ctx SpecContext) {
		u, failed := a.newcomer(ctx, longOTP), a.newcomer(ctx, longOTP)
		before := len(u.target.(conformance.PluginTap).PluginMessages())
		Expect(u.activates(ctx, u.otp(0))).To(BeTrue(), "the right OTP does not activate")
		Expect(failed.activates(ctx, failed.wrong(0))).To(BeFalse(), "a wrong OTP activates")
		blinds := blindsIn(u.target.(conformance.PluginTap).PluginMessages()[before:])
		Expect(blinds).To(HaveLen(2), "messages that ask for an OTP to be judged")
		Expect(blinds[0]).NotTo(Equal(blinds[1]), "two messages have the same blind: digests of them give the OTP away")
		places := slices.Concat(hunt.Columns(ctx, u.target), hunt.Files(ctx, u.target), hunt.Logs(ctx, u.target))
		hunt.For(
			hunt.Bytes("a spent ticket", u.Grant.Ticket), hunt.Bytes("a live ticket", failed.Grant.Ticket),
			hunt.Bytes("the blind of an OTP", blinds[0]), hunt.Bytes("the blind of a wrong OTP", blinds[1]),
			hunt.Digits("the OTP that has activated", u.otp(0)), hunt.Digits("an OTP that has not", failed.wrong(0)),
		).ExpectNothing(places)
		conformance.Observe("looked for in databases, files and logs: tickets, OTPs, and what blinds the OTPs in the messages whose digests are remembered")
	})
}

// blindsIn takes those of the activations out of messages to the authentication server
// (CONTRACT.md §2).
func blindsIn(messages [][]byte) (blinds [][]byte) {
	GinkgoHelper()
	for _, m := range messages {
		var envelope [2][]byte
		var body []any
		Expect(cbor.Unmarshal(m, &envelope)).To(Succeed(), "envelope of a message")
		Expect(cbor.Unmarshal(envelope[0], &body)).To(Succeed(), "body of a message")
		if body[0] != "activate" {
			continue
		}
		var attempt []any
		Expect(cbor.Unmarshal(body[len(body)-1].([]byte), &attempt)).To(Succeed(), "attempt of a message")
		blinds = append(blinds, attempt[1].([]byte))
	}
	return blinds
}

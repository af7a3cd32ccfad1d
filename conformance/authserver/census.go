package authserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// tries is a call that compares what comes with a secret.
type tries struct {
	call, secret string
	guess        func(ctx context.Context, t conformance.Target, call string) string
}

// tested are the calls that test a secret of fewer than 64 bits, with what shows that each
// counts: it guesses wrongly as often as is declared, and then the right one is refused.
// What guess gives says how many wrong ones that were.
var tested = []tries{
	{"auth POST /v1/validate", "OTP, and the PIN behind it", ways[0].exhausts},
	{"auth POST /v1/resynchronise", "OTPs in a row, and the PIN behind them", ways[1].exhausts},
	{"auth POST /v1/challenges/{id}/respond", "response to a challenge, and the PIN behind it", exhaustsResponses},
	{"public POST /mpp/v2", "registration code", exhaustsCode},
	{"public POST /mpp/v1", "registration code without a locator", delaysCodes},
	{"public POST /v1/activate", "OTP, and the PIN behind it", judgedBy("ACT-ticket")},
}

// untested are the calls that test none: who calls them has a certificate's key, or may open
// the socket, or learns nothing by it.
var untested = []string{
	"bank GET /v1/audit", "bank GET /v1/health", "bank GET /v1/info", "bank GET /v1/tokens/{id}", "bank POST /v1/tokens",
	"bank POST /v1/tokens/{id}/reissue", "bank POST /v1/tokens/{id}/resume", "bank POST /v1/tokens/{id}/revoke", "bank POST /v1/tokens/{id}/suspend",
	"operations GET /metrics", "operations GET /ready", "operations GET /v1/keys",
	"plugin POST /plugin/v1",
	"auth GET /v1/health", "auth GET /v1/import-key", "auth GET /v1/tokens/{id}", "auth POST /v1/challenges", "auth POST /v1/import", "auth POST /v1/unlocks", "auth POST /v1/unlocks/{id}/confirm",
}

// census: no secret that can be searched has a way in that does not count.
func census(t conformance.Target) {
	It("limits each call that tests a secret which can be searched", conformance.Claims("RGS-C1a"), func(ctx SpecContext) {
		calls := callsOf(t)
		var unknown []string
		for _, call := range calls {
			if !slices.Contains(untested, call) && !slices.ContainsFunc(tested, func(p tries) bool { return p.call == call }) {
				unknown = append(unknown, call)
			}
		}
		if len(unknown) > 0 {
			conformance.Undecided("calls of which the census does not know whether they test a secret: %s", strings.Join(unknown, ", "))
		}
		there := slices.DeleteFunc(slices.Clone(tested), func(p tries) bool { return !slices.Contains(calls, p.call) })
		for i, seen := range conformance.Together(len(there), func(i int) string { return there[i].guess(ctx, t, there[i].call) }) {
			conformance.Observe("%s (%s): %s", there[i].call, there[i].secret, seen)
		}
		conformance.Observe("of %d documented calls %d test such a secret", len(calls), len(there))
	})
}

// callsOf are the documented calls of a target, with {id} for what they name.
func callsOf(t conformance.Target) []string {
	var calls []string
	for _, s := range t.(conformance.Listeners).Surfaces() {
		for _, r := range s.Routes {
			parts := strings.Split(r.Path, "/")
			for i, part := range parts {
				if len(part) == tokenLength {
					parts[i] = "{id}"
				}
			}
			calls = append(calls, s.Name+" "+r.Method+" "+strings.Join(parts, "/"))
		}
	}
	return calls
}

const tokenLength = 26 // of a name that the target gives

// judgedBy names the claim that tries a call, where that takes a target set up for it.
func judgedBy(claim string) func(context.Context, conformance.Target, string) string {
	return func(context.Context, conformance.Target, string) string { return "its tries are judged by " + claim }
}

// exhausts blocks a token by one way in, and leaves another one guess short of it.
func (w way) exhausts(ctx context.Context, t conformance.Target, call string) string {
	GinkgoHelper()
	limit := declared(t).LockAfter
	blocked, patient := fresh(ctx, t, hotp, first), fresh(ctx, t, hotp, first)
	blocked.lock(ctx, w)
	Expect(w.right(ctx, blocked).accepted).To(BeFalse(), "%s: after %d wrong ones the right one is accepted", call, limit)
	for i := range limit - 1 {
		Expect(w.wrong(ctx, patient, i).accepted).To(BeFalse(), "%s: a wrong one is accepted", call)
	}
	Expect(w.right(ctx, patient).accepted).To(BeTrue(), "%s: after %d wrong ones the right one is refused", call, limit-1)
	return fmt.Sprintf("%d wrong ones block it, %d do not", limit, limit-1)
}

func exhaustsResponses(ctx context.Context, t conformance.Target, call string) string {
	GinkgoHelper()
	limit := declared(t).LockAfter
	for _, wrong := range []int{limit - 1, limit} {
		h := imported(ctx, t, "census", stillSuite, secret())
		last := h.asked(ctx) // a blocked token may be asked no more
		for range wrong {
			c := h.asked(ctx)
			Expect(h.takes(ctx, c.ID, "", another(h.response(c.Question, "")))).To(BeFalse(), "%s: a wrong one is accepted", call)
		}
		accepted := h.takes(ctx, last.ID, "", h.response(last.Question, ""))
		Expect(accepted).To(Equal(wrong < limit), "%s: after %d wrong ones the right one is accepted", call, wrong)
	}
	return fmt.Sprintf("%d wrong ones, each to a challenge of its own, block it, %d do not", limit, limit-1)
}

func exhaustsCode(ctx context.Context, t conformance.Target, call string) string {
	GinkgoHelper()
	tries := declared(t).CodeTries
	for _, wrong := range []int{tries - 1, tries} {
		issued := issue(ctx, t, 2)
		locator, digits, _ := strings.Cut(issued, "-")
		for i := range wrong {
			guess := locator + "-" + digits[:len(digits)-1] + string(rune('0'+(int(digits[len(digits)-1]-'0')+1+i)%10))
			Expect(provisions(ctx, t, t, guess)).To(BeFalse(), "%s: a wrong one is accepted", call)
		}
		Expect(provisions(ctx, t, t, issued)).To(Equal(wrong < tries), "%s: after %d wrong ones the right one is accepted", call, wrong)
	}
	return fmt.Sprintf("%d wrong ones end a code, %d do not", tries, tries-1)
}

// afterBurst is how many guesses at codes without a locator are made after those that are let
// through at once.
const afterBurst = 10

// delaysCodes: a code without a locator counts nothing of its own; all guesses together are
// delayed, and so few codes live that what gets through one's life hits none.
func delaysCodes(ctx context.Context, t conformance.Target, call string) string {
	GinkgoHelper()
	limits, issued := declared(t).V1, issue(ctx, t, 1)
	right := []byte(issued)
	least := time.Duration(afterBurst / limits.Rate * float64(time.Second))
	start := time.Now()
	for _, granted := range conformance.Together(limits.Burst+afterBurst, func(i int) bool {
		wrong := slices.Clone(right)
		wrong[i%len(wrong)] = '0' + (wrong[i%len(wrong)]-'0'+1+byte(i/len(wrong))%9)%10
		return provisionsV1(ctx, t, fmt.Sprintf("127.251.0.%d", 1+i), string(wrong))
	}) {
		Expect(granted).To(BeFalse(), "%s: a wrong one is accepted", call)
	}
	Expect(time.Since(start)).To(BeNumerically(">=", least-least/10), "%s: time for %d guesses from as many addresses", call, limits.Burst+afterBurst)
	Expect(provisionsV1(ctx, t, "", issued)).To(BeTrue(), "%s: the right one is refused", call)
	return fmt.Sprintf("guesses from all addresses together are delayed, %d took %v at least", limits.Burst+afterBurst, least)
}

// issue gives a registration code for a version of MPP.
func issue(ctx context.Context, t conformance.Target, version int) string {
	GinkgoHelper()
	wish := conformance.EnrolRequest{}
	if version == 1 {
		wish.MPP = 1
	}
	return enrolled(ctx, t, "attack", wish).RegistrationCode
}

// provisionsV1 says whether a phone of MPP v1 gets a token for a code.
func provisionsV1(ctx context.Context, t conformance.Target, from, code string) bool {
	GinkgoHelper()
	session, err := oracle.BuildLiteral(t.(conformance.Provisioner).Pinned(), code, declared(t).Services[0])
	Expect(err).NotTo(HaveOccurred(), "request of a phone")
	a, err := t.(conformance.LiteralProvisioner).ProvisionV1(ctx, from, session.Body)
	Expect(err).NotTo(HaveOccurred(), "a phone got no answer")
	_, err = session.Open(a.Body, conformance.Now(t))
	return err == nil
}

package authserver

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// unsynchronised are suites in which nothing moves but the question.
var unsynchronised = []string{stillSuite, "OCRA-1:HOTP-SHA256-8:QH64", "OCRA-1:HOTP-SHA1-6:QN07"}

// dictionary holds the specs on responses that were recorded, to be used when their
// question comes again.
func dictionary(t conformance.Target) {
	It("enrols no token whose responses only the question tells apart, and imports none with few questions", conformance.Claims("RGS-C-6"), func(ctx SpecContext) {
		takesNoWeakSuite(ctx, t)
	})
	It("puts no question again whose response may have been recorded", conformance.Claims("RGS-C-6"), func(ctx SpecContext) {
		asksOnce(ctx, t)
	})
}

func takesNoWeakSuite(ctx context.Context, t conformance.Target) {
	const digits = 7
	measured := repeatedAfter(rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), digits)), math.Pow10(digits))
	conformance.Observe("of %d digits a question repeats after 2^%.1f on average, measured; the source says 2^11.5, the square root of their number", digits, math.Log2(measured))
	Expect(math.Log2(measured)).To(BeNumerically("~", 11.5, 0.6), "logarithm of the challenges until one of 10^7 comes again")
	for _, suite := range unsynchronised {
		_, err := t.(conformance.Enroller).Enrol(ctx, conformance.EnrolRequest{Service: service(t), User: userNamed("weak"), Suite: suite})
		expectRefused(err, suite+" is enrolled")
	}
	for _, suite := range []string{"OCRA-1:HOTP-SHA1-6:QN07", "OCRA-1:HOTP-SHA1-6:QH06"} {
		seed := conformance.Seed{Service: service(t), User: userNamed("weak"), Suite: suite, Secret: secret()}
		_, err := t.(conformance.SeedImporter).ImportSeed(ctx, seed)
		Expect(err).To(HaveOccurred(), "%s, with fewer than 10^8 questions, is imported", suite)
	}
	imported(ctx, t, "timed", "OCRA-1:HOTP-SHA1-6:QN07-T30S", secret())
	conformance.Observe("%d suites without counter and timestamp are refused to an enrolment; those with fewer than 10^8 questions to an import too; the same questions with a timestamp are imported", len(unsynchronised))
}

// repeatedAfter draws from n questions until one comes again, many times, and gives how
// many it took on average: about √(πn/2).
func repeatedAfter(random *rand.Rand, n float64) float64 {
	const rounds = 400
	total := 0
	for range rounds {
		seen := map[int64]bool{}
		for q := random.Int64N(int64(n)); !seen[q]; q = random.Int64N(int64(n)) {
			seen[q] = true
		}
		total += len(seen) + 1
	}
	return float64(total) / rounds
}

func expectRefused(err error, what string) {
	GinkgoHelper()
	var refused *conformance.Refused
	Expect(errors.As(err, &refused)).To(BeTrue(), "%s", what)
}

// asksOnce: where nothing moves, never again; else the response has changed meanwhile.
func asksOnce(ctx context.Context, t conformance.Target) {
	const question = "20261231"
	start := conformance.Now(t).Truncate(time.Second)
	conformance.SetClock(t, start)
	still, timed := imported(ctx, t, "still", stillSuite, secret()), imported(ctx, t, "moving", "OCRA-1:HOTP-SHA256-8:QN08-T30S", secret())
	recorded := map[string]string{}
	for _, h := range []holder{still, timed} {
		c := h.asked(ctx, registered(question))
		recorded[h.user] = h.response(question, "")
		_, err := h.ask(ctx, registered(question))
		expectRefused(err, "the same question is put twice at the same time")
		Expect(h.takes(ctx, c.ID, "", recorded[h.user])).To(BeTrue(), "the right response is refused")
		h.asked(ctx)
		_, err = h.ask(ctx, registered(question))
		expectRefused(err, "a question is put again while its response would be right")
	}
	later := start.Add(30 * 24 * time.Hour)
	t.(conformance.Clock).SetClock(later)
	_, err := still.ask(ctx, registered(question))
	expectRefused(err, "where nothing moves a question is put again after a month")
	c := timed.asked(ctx, registered(question))
	Expect(timed.takes(ctx, c.ID, "", recorded[timed.user])).To(BeFalse(), "a response that was recorded a month ago is accepted")
	conformance.Observe("a token without counter and timestamp is asked a thing once, and not after a month either; one with a timestamp is asked again then, and the recorded response is refused")
}

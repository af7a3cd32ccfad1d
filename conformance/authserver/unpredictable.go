package authserver

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/stat"
)

// unlikely is the p below which challenges are called predictable: with two alphabets and
// two tests of each, a good generator gets there once in 10^8 runs.
const unlikely = 1e-9

// alphabets are suites by what their questions are made of, in the order of the tests.
var alphabets = []struct{ suite, characters string }{
	{appSuite, "0123456789ABCDEF"},
	{"OCRA-1:HOTP-SHA256-8:QN64-T30S", "0123456789"},
}

func unpredictable(t conformance.Target, n size) {
	It("draws challenges that nobody can foresee, across a restart too", conformance.Claims("RGS-C-4"), func(ctx SpecContext) {
		var before [2][]string
		for i, a := range alphabets {
			before[i] = draw(ctx, t, a.suite, n.challenges/2)
		}
		Expect(t.(conformance.Restarter).Restart(ctx)).To(Succeed(), "restart of the target")
		for i, a := range alphabets {
			judgeQuestions(append(before[i], draw(ctx, t, a.suite, n.challenges-n.challenges/2)...), a.characters)
		}
	})
}

// draw gives so many questions to one token.
func draw(ctx context.Context, t conformance.Target, suite string, n int) []string {
	GinkgoHelper()
	h := imported(ctx, t, "drawn", suite, secret())
	const callers = 32
	questions := parallel(n, callers, func(int) string {
		c, err := h.ask(ctx)
		if err != nil {
			return ""
		}
		return c.Question
	})
	Expect(questions).NotTo(ContainElement(""), "challenges that were not made")
	return questions
}

// judgeQuestions: no question twice, each character as frequent as the others, and each
// after each other one.
func judgeQuestions(questions []string, characters string) {
	GinkgoHelper()
	seen := map[string]bool{}
	k := len(characters)
	single, pairs := make([]float64, k), make([]float64, k*k)
	for _, q := range questions {
		Expect(seen[q]).To(BeFalse(), "a challenge comes a second time")
		seen[q] = true
		for i := range q {
			at := strings.IndexByte(characters, q[i])
			Expect(at).To(BeNumerically(">=", 0), "a character that the format does not have")
			single[at]++
			if i%2 == 1 {
				pairs[strings.IndexByte(characters, q[i-1])*k+at]++
			}
		}
	}
	level := stat.Level{Alpha: unlikely, Power: 0.9}
	total := len(questions) * len(questions[0])
	one, two := stat.Fit(single, even(k)), stat.Fit(pairs, even(k*k))
	conformance.Observe("%d challenges, half of them after a restart, are all different; chi-square of their %d characters p = %.2g, of pairs p = %.2g; with power 0.9 at α = %.0e a character off by %.1f %% is found",
		len(questions), total, one.P, two.P, unlikely, 100*level.Excess(float64(k-1), 1/float64(k), total))
	Expect(one.P).To(BeNumerically(">", unlikely), "p of the chi-square test of the characters of challenges")
	Expect(two.P).To(BeNumerically(">", unlikely), "p of the chi-square test of pairs of characters of challenges")
}

func even(n int) []float64 {
	shares := make([]float64, n)
	for i := range shares {
		shares[i] = 1 / float64(n)
	}
	return shares
}

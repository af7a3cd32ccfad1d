package pin

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/stat"
)

// alpha bounds how often the tests of one claim, all together, find something in a fair
// target: one judged run in ten thousand.
const alpha = 1e-4

// levels are what each of k tests promises. The first is what the report states as its
// power; the second is that of a planted leak, which has to be found for certain.
func levels(k int) (stated, planted stat.Level) {
	each := alpha / float64(k) // the strictest of Holm's steps
	return stat.Level{Alpha: each, Power: 0.9}, stat.Level{Alpha: each, Power: 0.99999}
}

// measured is one test of a claim, with its power and its two controls.
type measured struct {
	name   string // of the case
	data   string // what was compared, and how many of it
	result stat.Result
	same   stat.Result // the same test where there is nothing to find
	sameOf string      // what that was
	least  float64     // effect that the test finds with its power
	needed float64     // effect that it has to be able to find, to judge anything
	leak   float64     // effect that was planted
	leaked stat.Result
	says   func(effect float64) string // an effect in words
	series *conformance.Series
}

// judge makes a case of each test of a claim, by Holm's adjustment over all of them.
func judge(tests []measured) {
	GinkgoHelper()
	ps := make([]float64, len(tests))
	for i, m := range tests {
		ps[i] = m.result.P
	}
	for i, adjusted := range stat.Holm(ps) {
		conformance.Case(tests[i].name, func() { tests[i].judge(adjusted, len(tests)) })
	}
}

func (m measured) judge(adjusted float64, tests int) {
	GinkgoHelper()
	if m.series != nil {
		conformance.Plot(*m.series)
	}
	each := alpha / float64(tests)
	conformance.Observe("%s", m.data)
	conformance.Observe("%s, p %s, by Holm over %d tests %s (rejects below %g)", statistic(m.result), probability(m.result.P), tests, probability(adjusted), alpha)
	conformance.Observe("with power 0.9 it finds %s", m.says(m.least))
	conformance.Observe("control without a leak, %s: p %s", m.sameOf, probability(m.same.P))
	conformance.Observe("control with a leak, %s: p %s", m.says(m.leak), probability(m.leaked.P))
	if m.same.P < each {
		conformance.Undecided("the test finds a difference where there is none")
	}
	Expect(adjusted).To(BeNumerically(">=", alpha), "p of %s", m.name)
	switch {
	case m.leaked.P >= each:
		conformance.Undecided("nothing was found, but the leak that was planted was not either")
	case m.least > m.needed:
		conformance.Undecided("the power is short: it takes one that finds %s", m.says(m.needed))
	}
}

func statistic(r stat.Result) string {
	text := fmt.Sprintf("%s %.4g", r.Test, r.Value)
	if r.Freedom > 0 {
		text += fmt.Sprintf(" with %.4g degrees of freedom", r.Freedom)
	}
	return text
}

// probability writes a p-value; of very small ones the size says enough.
func probability(p float64) string {
	if p < 1e-12 {
		return "below 1e-12"
	}
	return fmt.Sprintf("%.2g", p)
}

// points says by how much a share is too large.
func points(what string) func(float64) string {
	return func(effect float64) string {
		return fmt.Sprintf("%s with a share that is larger by %.2g percentage points", what, 100*effect)
	}
}

func percent(share float64) string { return fmt.Sprintf("%.2g %%", 100*share) }

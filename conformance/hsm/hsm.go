// Package hsm judges a PKCS#11 module by itself: whether it is the HSM that it is said to
// be, whether it keeps the rules that keys rely on, and whether an EPS can work on it.
//
// Start at Family. A probe (table.go) tries one thing from outside and says what it saw;
// rules.go holds what any module is to do; what a certain one does its personality promises.
package hsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family is the family of every profile.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{Name: "hsm", Claims: catalogue.All(), Profile: p, Specs: specs}
}

func specs(t conformance.Target) {
	It("is the HSM that it is said to be", conformance.Claims("HSM-named"), func(ctx SpecContext) { isNamed(ctx, t) })
	for _, r := range rules {
		It(r.text, conformance.Claims(r.claim), func(ctx SpecContext) { keeps(ctx, t, r) })
	}
	It("lets an EPS work", conformance.Claims("HSM-operations"), func(ctx SpecContext) { works(ctx, t) })
}

// isNamed compares each promise with what its probe observes.
func isNamed(ctx context.Context, t conformance.Target) {
	promises, err := t.(conformance.Promiser).Promises()
	Expect(err).NotTo(HaveOccurred(), "what the HSM is said to do")
	Expect(promises).NotTo(BeEmpty(), "an HSM that is said to be a certain one does something as no other")
	slot, err := t.(conformance.ModuleHolder).Slot(ctx)
	Expect(err).NotTo(HaveOccurred(), "a token of that HSM")
	slices.SortStableFunc(promises, func(a, b conformance.Promise) int { return incidental(a) - incidental(b) })
	for _, promise := range promises {
		conformance.Case(promise.ID, func() {
			got, err := Probe(slot, promise.Probe)
			if errors.Is(err, ErrNotOwn) {
				conformance.Undeclared("%v", err)
			}
			Expect(err).NotTo(HaveOccurred(), "the probe "+promise.Probe)
			sees(fmt.Sprintf("%s Probe %q (%s: %s)", promise.Text, promise.Probe, promise.Confidence, promise.Source), got, Equal(promise.Observed), promise.Observed)
		})
	}
}

// incidental puts return values first, which tell more of an HSM than what it calls itself.
func incidental(p conformance.Promise) int {
	name, _, _ := strings.Cut(p.Probe, " ")
	switch {
	case slices.Contains([]string{"library", "slot", "token"}, name):
		return 2
	case !strings.HasPrefix(p.Observed, "CKR_"):
		return 1
	}
	return 0
}

// sees says once what a probe saw, and beside it what was wanted where that is something else.
func sees(what, got string, good types.GomegaMatcher, wants string) {
	if ok, err := good.Match(got); ok && err == nil {
		conformance.Observe("%s: %s", what, got)
	}
	Expect(got).To(be(good, what+": saw "+got+"; wanted: "+wants))
}

// keeps runs the probes of a rule, each a case.
func keeps(ctx context.Context, t conformance.Target, r rule) {
	slot, err := t.(conformance.ModuleHolder).Slot(ctx)
	Expect(err).NotTo(HaveOccurred(), "a token")
	for _, spec := range r.probes {
		conformance.Case(spec, func() {
			got, err := Probe(slot, spec)
			Expect(err).NotTo(HaveOccurred(), "the probe "+spec)
			if unusable(got) {
				conformance.Undeclared("%s: the module cannot do what the rule is about: %s", spec, got)
			}
			if slices.Contains(troubles, got) {
				conformance.Undecided("%s: the module is in trouble: %s", spec, got)
			}
			sees(spec, got, r.good, r.wants)
		})
	}
}

// lacking are the return values of a step that is about something the module does not have.
var lacking = []string{"CKR_MECHANISM_INVALID", "CKR_ATTRIBUTE_TYPE_INVALID", "CKR_ATTRIBUTE_VALUE_INVALID"}

// troubles are return values that refuse nothing in particular.
var troubles = []string{"CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT", "CKR_SESSION_HANDLE_INVALID", "CKR_HOST_MEMORY"}

// unusable tells whether a probe did not get as far as what it is about.
func unusable(got string) bool {
	_, step, failed := strings.Cut(got, ": ")
	return failed && slices.Contains(lacking, step) || got == lacking[0]
}

// be says in words of its own what did not match: a probe's words are no secret.
func be(m types.GomegaMatcher, says string) types.GomegaMatcher { return worded{m, says} }

type worded struct {
	types.GomegaMatcher
	says string
}

func (w worded) FailureMessage(any) string { return w.says }

// works asks the target which strategy an EPS takes for each of its operations.
func works(ctx context.Context, t conformance.Target) {
	strategies, err := t.(conformance.Strategist).Strategies(ctx)
	Expect(err).NotTo(HaveOccurred(), "the probing of the module")
	for _, s := range strategies {
		conformance.Case(s.Operation, func() {
			if s.Missing == "" {
				conformance.Observe("by %s", s.Strategy)
			}
			Expect(s.Missing).To(be(BeEmpty(), "no strategy works: "+s.Missing))
		})
	}
}

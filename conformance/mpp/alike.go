package mpp

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/people"
)

// alike holds the specs on what else could tell refusals apart, beside their bytes.
func alike(t conformance.Target) {
	It("does not work more, or longer, for a locator that exists", conformance.Claims("ST-2.2.2-a"), func(ctx SpecContext) {
		if !t.Capabilities()[conformance.CanTraceHSM] {
			conformance.Block("needs %s", conformance.CanTraceHSM)
		}
		open(t).worksAlike(ctx)
	})
	It("refuses over HTTP/1.1 in the words of a grant, and leaves the connection open", conformance.Claims("ST-2.2.2-a"), func(ctx SpecContext) {
		open(t).soundsAlike(ctx)
	})
}

// looks is how often each of two requests is looked at: what comes in between, from another
// cause, makes a look longer and never shorter.
const looks = 2

// work is the least that a refusal was seen to take.
type work struct {
	calls []string // to the EPS's HSM
	steps int      // of the grid
}

// worksAlike compares, one request at a time, an unknown locator with a wrong code behind a
// known one. It looks again while they differ, as a busy machine can delay one of them.
func (e eps) worksAlike(ctx context.Context) {
	var unknown, known *work
	for _, c := range []people.User{e.enrol(ctx), e.enrol(ctx), e.enrol(ctx)} { // before the first look: an enrolment has an aftermath
		for _, wrong := range e.wrongCodes(c, looks) {
			unknown = unknown.least(e.workFor(ctx, try{"a well-formed locator that nobody has", e.request(elsewhere(c)).Body}))
			known = known.least(e.workFor(ctx, wrong))
		}
		if slices.Equal(unknown.calls, known.calls) && unknown.steps == known.steps {
			break
		}
	}
	Expect(len(unknown.calls)).To(BeNumerically(">", 0), "HSM calls for an unknown locator")
	Expect(len(known.calls)).To(Equal(len(unknown.calls)), "HSM calls for a known locator, as many as for an unknown one")
	Expect(slices.Equal(known.calls, unknown.calls)).To(BeTrue(), "the HSM calls for a known locator are those for an unknown one")
	Expect(known.steps).To(Equal(unknown.steps), "steps of %v until the refusal for a known locator, as many as for an unknown one", e.Declared().RefusalQuantum)
	conformance.Observe("an unknown locator, and a wrong code behind a known one: the same %d HSM calls in the same order, and the refusal after %d × %v; the least of %d looks at each",
		len(known.calls), known.steps, e.Declared().RefusalQuantum, looks)
}

// elsewhere gives the code of c another locator, of the same letters.
func elsewhere(c people.User) people.User {
	letters := []byte(c.Locator())
	for same := slices.Clone(letters); slices.Equal(same, letters); {
		rand.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
	}
	c.RegistrationCode = string(letters) + "-" + c.Digits()
	return c
}

// least keeps the smaller of each part.
func (w *work) least(other work) *work {
	if w == nil {
		return &other
	}
	if len(other.calls) < len(w.calls) {
		w.calls = other.calls
	}
	w.steps = min(w.steps, other.steps)
	return w
}

// workFor sends a request that is refused, and nothing beside it.
func (e eps) workFor(ctx context.Context, t try) work {
	GinkgoHelper()
	tracer := e.Target.(conformance.HSMTracer)
	mark := tracer.Mark()
	answer := e.send(ctx, t.body)[0]
	Expect(answer).To(e.beRefused(answer.Header), "%s", t.what)
	w := work{steps: int(answer.Took / max(e.Declared().RefusalQuantum, time.Millisecond))}
	for _, c := range tracer.Calls(mark) {
		if c.Slot == "eps" {
			w.calls = append(w.calls, c.Function+" "+c.Mechanism+" "+c.Return)
		}
	}
	return w
}

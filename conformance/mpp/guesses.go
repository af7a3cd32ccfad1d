package mpp

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/people"
)

// racing is how many wrong codes are tried at once beside the right one.
const racing = 24

// guesses holds the spec on wrong codes behind a locator that is known.
func guesses(t conformance.Target) {
	It("kills a code, and no other, by the declared number of failures", conformance.Claims("ST-KEY-RC"), func(ctx SpecContext) {
		open(t).killsGuessed(ctx)
	})
}

// killsGuessed tries wrong codes one after the other, each when the one before it has been
// refused and counted; and at once: just as many as kill a code, so that none may be lost,
// and many more that race with the right one.
func (e eps) killsGuessed(ctx context.Context) {
	d := e.Declared()
	guessed, spared, counted, raced, other := e.enrol(ctx), e.enrol(ctx), e.enrol(ctx), e.enrol(ctx), e.enrol(ctx)
	won := false
	sideBySide(
		func() { e.expectRefusedInTurn(ctx, e.wrongCodes(guessed, d.CodeTries)) },
		func() { e.expectRefusedInTurn(ctx, e.wrongCodes(spared, d.CodeTries-1)) },
		func() { e.expectRefused(ctx, e.wrongCodes(counted, d.CodeTries)...) },
		func() { won = e.race(ctx, raced) },
	)
	e.expectRefused(ctx, e.rightAfter(guessed, d.CodeTries), e.rightAfter(counted, d.CodeTries), e.rightAfter(raced, racing))
	e.expectDelivered(ctx, spared, fmt.Sprintf("after %d failures", d.CodeTries-1))
	e.expectDelivered(ctx, other, "a code that nobody has guessed at")
	success := float64(d.CodeTries) / math.Pow10(d.CodeDigits)
	Expect(success).To(BeNumerically("<=", 1.0/2048), "tries over codes")
	conformance.Observe("%d wrong codes, one after the other or at once, are each refused, and so is the right one then; %d, and it is taken; of %d wrong ones that race with the right one (which %s) none is granted, and the right one is refused after them; a guess succeeds with %.1e at most, 2^-11 is allowed",
		d.CodeTries, d.CodeTries-1, racing, map[bool]string{true: "came first", false: "came too late"}[won], success)
}

// race sends wrong codes and the right one at once, and says whether that one was granted.
func (e eps) race(ctx context.Context, c people.User) (won bool) {
	GinkgoHelper()
	right := e.request(c)
	bodies := [][]byte{right.Body}
	for _, wrong := range e.wrongCodes(c, racing) {
		bodies = append(bodies, wrong.body)
	}
	answers := e.sendFrom(ctx, sources(len(bodies)), len(bodies), bodies)
	refusal := e.beRefused(answers[1].Header)
	Expect(answers[1:]).To(HaveEach(refusal), "a wrong code behind a known locator, in a race with the right one")
	_, err := right.Open(answers[0].Body, e.now())
	return err == nil
}

func (e eps) rightAfter(c people.User, failures int) try {
	GinkgoHelper()
	return try{fmt.Sprintf("the right code after %d failures", failures), e.request(c).Body}
}

// expectRefusedInTurn sends each try when the one before it has its answer.
func (e eps) expectRefusedInTurn(ctx context.Context, tries []try) {
	GinkgoHelper()
	var refusal *uniform
	for i, t := range tries {
		answer := e.send(ctx, t.body)[0]
		if refusal == nil {
			refusal = e.beRefused(answer.Header)
		}
		Expect(answer).To(refusal, "%s, the try number %d in turn", t.what, i+1)
	}
}

// sideBySide runs what asserts in goroutines of its own, and ends the spec where one failed.
func sideBySide(all ...func()) {
	GinkgoHelper()
	passed := make([]bool, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() {
			defer GinkgoRecover()
			f()
			passed[i] = true
		})
	}
	wg.Wait()
	Expect(passed).To(HaveEach(true), "what ran side by side has passed")
}

// wrongCodes gives n requests with wrong codes behind the locator of c, no two the same.
func (e eps) wrongCodes(c people.User, n int) []try {
	GinkgoHelper()
	right, err := strconv.ParseUint(c.Digits(), 10, 64)
	Expect(err).NotTo(HaveOccurred(), "the digits of a code")
	digits := len(c.Digits())
	space := uint64(math.Pow10(digits))
	if uint64(n) >= space {
		conformance.Broken("there are no %d wrong codes of %d digits", n, digits)
	}
	var tries []try
	for i := range uint64(n) {
		wrong := c
		wrong.RegistrationCode = fmt.Sprintf("%s-%0*d", c.Locator(), digits, (right+1+i)%space)
		tries = append(tries, try{"a wrong code behind a known locator", e.request(wrong).Body})
	}
	return tries
}

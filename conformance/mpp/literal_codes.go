package mpp

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/fxamacker/cbor/v2"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/people"
)

// literalFields takes a request of MPP v1 to pieces.
func literalFields(body []byte) (fields []any) {
	GinkgoHelper()
	if err := cbor.Unmarshal(body, &fields); err != nil || len(fields) != 7 {
		conformance.Broken("the phone's request of v1: %v", err)
	}
	return fields
}

// literalParallel is how many phones use one code of v1 at once.
const literalParallel = 20

func literalCodes(t conformance.Target) {
	It("refuses every request without a live code of its own, and all in one way (v1)", conformance.Claims("ST-2.2.2-a"), func(ctx SpecContext) {
		openV1(t).needsLiteralCode(ctx)
	})
	It("delivers a code once, whoever asks at once (v1)", conformance.Claims("ST-2.2.2-a", "ST-KEY-RC"), func(ctx SpecContext) {
		e := openV1(t)
		e.expectOneEach(ctx, sources(literalParallel), e.enrol(ctx))
		conformance.Observe("v1: %d phones used one code at the same time: 1 got the token, %d the uniform refusal", literalParallel, literalParallel-1)
	})
	It("gives each code its own token (v1)", conformance.Claims("ST-6.3-5"), func(ctx SpecContext) {
		e := openV1(t)
		one, two := e.enrol(ctx), e.enrol(ctx)
		e.expectDelivered(ctx, two, "a code among several (v1)")
		e.expectDelivered(ctx, one, "a code among several (v1)")
		conformance.Observe("v1: 2 codes gave each its own token")
	})
}

func (e eps) needsLiteralCode(ctx context.Context) {
	live, elsewhere, expired, old, used, revoked := e.enrol(ctx), e.enrol(ctx), e.enrol(ctx, validFor(time.Hour)), e.enrol(ctx), e.enrol(ctx), e.enrol(ctx)
	e.expectDelivered(ctx, used, "a code to be used again (v1)")
	Expect(e.Change(ctx, revoked.Token, "revoke")).To(Succeed(), "revocation")
	_, err := e.Reissue(ctx, old.Token)
	Expect(err).NotTo(HaveOccurred(), "another code for a token")
	conformance.SetClock(e.Target, expired.Expires.Add(time.Minute))
	elsewhere.Service = e.Declared().Services[1]
	tries := e.wrongLiteralCodes(live, 1)
	for what, c := range map[string]people.User{
		"an expired code": expired, "a used code": used, "the code of a revoked token": revoked,
		"a code that another has replaced": old, "a code of another service": elsewhere,
	} {
		tries = append(tries, try{what + " (v1)", e.literal(c).Body})
	}
	answers := e.expectRefused(ctx, tries...)
	expectRandom(answers)
	granted, _ := e.expectDelivered(ctx, live, "the right request after the wrong ones (v1)")
	Expect(conformance.Public(headers(granted.Header))).To(Equal(conformance.Public(headers(answers[0].Header))), "headers of a grant and of a refusal (v1)")
	Expect(granted.Body).To(HaveLen(len(answers[0].Body)), "a grant and a refusal have one length (v1)")
	for _, c := range []people.User{elsewhere, expired, old} {
		Expect(e.state(ctx, c)).To(Equal(conformance.Public("issued")), "state of a token after a refusal (v1)")
		Expect(e.Change(ctx, c.Token, "revoke")).To(Succeed(), "revocation")
	}
	conformance.Observe("v1: %d requests without a live code of their own: HTTP 200, the headers of a grant, %d random bytes, on the grid of %v; no token moved, and the right request then got its own",
		len(tries), e.size(), e.Declared().RefusalQuantum)
}

// wrongLiteralCodes gives n requests with wrong codes, no two the same.
func (e eps) wrongLiteralCodes(c people.User, n int) []try {
	GinkgoHelper()
	right, err := strconv.ParseUint(c.Digits(), 10, 64)
	Expect(err).NotTo(HaveOccurred(), "the digits of a code")
	space := uint64(math.Pow10(len(c.Digits())))
	var tries []try
	for i := range uint64(n) {
		wrong := c
		wrong.RegistrationCode = fmt.Sprintf("%0*d", len(c.Digits()), (right+1+i)%space)
		tries = append(tries, try{"a wrong code (v1)", e.literal(wrong).Body})
	}
	return tries
}

// Guesses at codes without a locator are judged by two limits together: how many are let
// through, and how many codes they can hit.
const (
	mostLive  = 200 // codes that the bench is ready to have issued
	overBurst = 20  // guesses beyond those that are let through at once
	slowest   = 5 * time.Second
)

func literalGuesses(t conformance.Target) {
	It("delays guesses from all addresses together (v1)", conformance.Claims("ST-KEY-RC"), func(ctx SpecContext) {
		openV1(t).delaysGuesses(ctx)
	})
	It("issues no more codes than guesses allow (v1)", conformance.Claims("ST-KEY-RC"), func(ctx SpecContext) {
		openV1(t).stopsIssuing(ctx)
	})
}

func (e eps) delaysGuesses(ctx context.Context) {
	limits := e.Declared().V1
	least := time.Duration(overBurst / limits.Rate * float64(time.Second))
	if least > slowest || limits.Burst > 4*overBurst {
		conformance.Block("at %g failures a second behind %d at once this takes too long", limits.Rate, limits.Burst)
	}
	tries := e.wrongLiteralCodes(e.enrol(ctx), limits.Burst+overBurst)
	from := make([]string, len(tries))
	bodies := make([][]byte, len(tries))
	for i, t := range tries {
		from[i], bodies[i] = fmt.Sprintf("127.252.%d.%d", i/250, 1+i%250), t.body
	}
	start := time.Now()
	answers := e.sendFrom(ctx, from, len(bodies), bodies)
	took := time.Since(start)
	Expect(took).To(BeNumerically(">=", least-50*time.Millisecond), "time for %d guesses from as many addresses, %d of them at once and %g a second (v1)", len(tries), limits.Burst, limits.Rate)
	Expect(answers).To(HaveEach(e.beRefused(answers[0].Header)), "a wrong code (v1)")
	conformance.Observe("v1: %d guesses from as many addresses took %v; %d at once and %g a second are declared, which makes %v at least",
		len(tries), took.Round(10*time.Millisecond), limits.Burst, limits.Rate, least)
}

// stopsIssuing enrols until the target will not, and compares with what the declared limits
// allow. It leaves no code behind.
func (e eps) stopsIssuing(ctx context.Context) {
	d := e.Declared()
	tries := float64(d.V1.Burst) + d.V1.Rate*d.V1.Validity.Seconds() + 1
	most := int(math.Pow10(d.CodeDigits) / 2048 / tries)
	Expect(most).To(BeNumerically(">=", 1), "codes that may be live at once by the declared limits (v1)")
	if most > mostLive {
		conformance.Block("%d codes may be live at once, more than the bench asks for", most)
	}
	var issued []people.User
	DeferCleanup(func(ctx SpecContext) {
		var group errgroup.Group
		group.SetLimit(8)
		for _, c := range issued {
			group.Go(func() error { return e.Change(ctx, c.Token, "revoke") })
		}
		Expect(group.Wait()).To(Succeed(), "revocation")
	})
	var refusal error
	for len(issued) <= most && refusal == nil {
		c := e.newUser()
		if refusal = c.Enrol(ctx, e.wish()); refusal == nil {
			issued = append(issued, *c)
		}
	}
	Expect(len(issued)).To(BeNumerically("<=", most), "live codes without a locator, with %g guesses while one lives and %d digits (v1)", tries, d.CodeDigits)
	conformance.Observe("v1: %d codes of %d digits were issued, then no more (%v): %.0f guesses at each of %d succeed with 2^-11 at most", len(issued), d.CodeDigits, refusal, tries, most)
}

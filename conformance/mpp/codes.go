package mpp

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
	"github.com/epsbench/epsbench/conformance/people"
)

// parallel is how many phones use one code at once; then fourEach use each of several,
// which gives as many chances to let two of them in.
const (
	parallel     = 200
	severalCodes = 10
	fourEach     = 4 * severalCodes
)

// codes holds the specs on the registration code; guesses.go has those on wrong ones.
func codes(t conformance.Target) {
	It("refuses every request without a live code of its own, and all in one way", conformance.Claims("ST-2.2.2-a"), func(ctx SpecContext) {
		open(t).needsCode(ctx)
	})
	It("delivers a code once, whoever asks at once", conformance.Claims("ST-2.2.2-a", "ST-KEY-RC"), func(ctx SpecContext) {
		open(t).deliversOnce(ctx)
	})
	It("takes a code until it expires", conformance.Claims("ST-KEY-RC"), func(ctx SpecContext) {
		open(t).takesUntilExpiry(ctx)
	})
	It("gives each code its own token, and no database language a way in", conformance.Claims("ST-6.3-5"), func(ctx SpecContext) {
		open(t).givesItsOwn(ctx)
	})
}

func (e eps) needsCode(ctx context.Context) {
	tries, waiting := e.withoutCode(ctx)
	answers := e.expectRefused(ctx, tries...)
	expectRandom(answers)
	for _, c := range waiting {
		Expect(e.state(ctx, c)).To(Equal(conformance.Public("issued")), "state of a token after a refusal")
	}
	granted, _ := e.expectDelivered(ctx, waiting[0], "the right request after the wrong ones")
	Expect(conformance.Public(headers(granted.Header))).To(Equal(conformance.Public(headers(answers[0].Header))), "headers of a grant and of a refusal")
	Expect(granted.Body).To(HaveLen(len(answers[0].Body)), "a grant and a refusal have one length")
	conformance.Observe("%d requests without a live code of their own: HTTP 200, the headers of a grant, %d random bytes, on the grid of %v; no token moved, and the right request then got its own",
		len(tries), oracle.ResponseSize, e.Declared().RefusalQuantum)
}

func (e eps) deliversOnce(ctx context.Context) {
	from := sources(parallel)
	e.expectOneEach(ctx, from, e.enrol(ctx))
	var several []people.User
	for range severalCodes {
		several = append(several, e.enrol(ctx))
	}
	e.expectOneEach(ctx, from[:fourEach], several...)
	conformance.Observe("%d phones used one code at the same time: 1 got the token, %d the uniform refusal; %d phones used %d codes: each was delivered once",
		parallel, parallel-1, fourEach, severalCodes)
}

func (e eps) takesUntilExpiry(ctx context.Context) {
	early, late := e.enrol(ctx, validFor(time.Hour)), e.enrol(ctx, validFor(time.Hour))
	conformance.SetClock(e.Target, early.Expires.Add(-time.Second))
	e.expectDelivered(ctx, early, "a second before the code expires")
	conformance.SetClock(e.Target, late.Expires.Add(time.Second)) // the bank is told whole seconds
	e.expectRefused(ctx, try{"an expired code", e.request(late).Body})
	conformance.Observe("a code of one hour is good one second before its end, and refused one second after it")
}

func (e eps) givesItsOwn(ctx context.Context) {
	users := []people.User{e.enrol(ctx), e.enrol(ctx), e.enrol(ctx)}
	tries := e.injections(users[0])
	e.expectRefused(ctx, tries...)
	slices.Reverse(users)
	for _, c := range users {
		e.expectDelivered(ctx, c, "a code among several")
	}
	conformance.Observe("%d codes gave each its own token; %d requests with unknown, misspelt or foreign locators and with quotes, wildcards and comments got the uniform refusal",
		len(users), len(tries))
}

// expectOneEach has the phones of all users, as many of each, ask at the same time.
func (e eps) expectOneEach(ctx context.Context, from []string, users ...people.User) {
	GinkgoHelper()
	sessions, bodies := make([]session, len(from)), make([][]byte, len(from))
	for i := range from {
		sessions[i] = e.honest(users[i*len(users)/len(from)])
		bodies[i] = sessions[i].Sent()
	}
	delivered := map[string]int{}
	var refused []conformance.Answer
	for i, a := range e.sendFrom(ctx, from, len(from), bodies) {
		if grant, err := sessions[i].Open(a.Body, e.now()); err == nil {
			delivered[grant.Token]++
		} else {
			refused = append(refused, a)
		}
	}
	for _, c := range users {
		Expect(delivered[c.Token]).To(Equal(1), "deliveries of a code that %d of %d parallel phones use", len(from)/len(users), len(from))
		Expect(e.state(ctx, c)).To(Equal(conformance.Public("provisioned")), "state of the token")
	}
	Expect(refused).To(HaveEach(e.beRefused(refused[0].Header)), "the tries that lost")
}

// withoutCode gives requests of every kind that lacks a code, and the users who
// still wait for their token, the first of them with a code that is live.
func (e eps) withoutCode(ctx context.Context) ([]try, []people.User) {
	GinkgoHelper()
	live, guessed, elsewhere, mixed := e.enrol(ctx), e.enrol(ctx), e.enrol(ctx), e.enrol(ctx)
	expired, old, used, revoked := e.enrol(ctx, validFor(time.Hour)), e.enrol(ctx), e.enrol(ctx), e.enrol(ctx)
	e.expectDelivered(ctx, used, "a code to be used again")
	Expect(e.Change(ctx, revoked.Token, "revoke")).To(Succeed(), "revocation")
	_, err := e.Reissue(ctx, old.Token)
	Expect(err).NotTo(HaveOccurred(), "another code for a token")
	conformance.SetClock(e.Target, expired.Expires.Add(time.Minute))

	elsewhere.Service = e.Declared().Services[1]
	mixed.RegistrationCode = mixed.Locator() + "-" + live.Digits()
	tries := e.wrongCodes(guessed, 1)
	for what, c := range map[string]people.User{
		"an expired code": expired, "a used code": used, "the code of a revoked token": revoked,
		"a code that another has replaced": old, "a code of another service": elsewhere,
		"the code of another user behind one's own locator": mixed,
	} {
		tries = append(tries, try{what, e.request(c).Body})
	}
	return tries, []people.User{live, guessed, elsewhere, mixed, expired, old}
}

// injections ask the database for more than a locator.
func (e eps) injections(c people.User) []try {
	GinkgoHelper()
	var tries []try
	add := func(what, locator, code string) {
		s := e.request(c, func(r *oracle.Request) { r.Locator, r.Code = locator, code })
		tries = append(tries, try{what, s.Body})
	}
	for _, locator := range []string{"' OR 1=1", "%%%%%%%%", "________", "';--    ", `\' OR 1#`, "\x00\x00\x00\x00\x00\x00\x00\x00"} {
		add("the locator "+fmt.Sprintf("%q", locator), locator, c.Digits())
	}
	add("a locator in small letters", strings.ToLower(c.Locator()), c.Digits())
	add("a locator cut short", c.Locator()[:7], c.Digits())
	add("an unknown locator", "UUUUUUUU", c.Digits())
	add("a wildcard for the code", c.Locator(), strings.Repeat("%", len(c.Digits())))
	add("a wrong code behind a known locator", c.Locator(), rotated(c.Digits()))
	return tries
}

// rotated gives other digits than digits, whatever they are.
func rotated(digits string) string {
	return strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, digits)
}

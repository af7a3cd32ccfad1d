package authserver

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// Suites that the specs work with: of the application, and those of imported tokens where
// nothing but the question, or the session information too, tells responses apart.
const (
	appSuite     = "OCRA-1:HOTP-SHA256-8:QH64-T30S"
	stillSuite   = "OCRA-1:HOTP-SHA256-8:QN08"
	sessionSuite = "OCRA-1:HOTP-SHA256-8:QN08-S064"
)

// holder is a user whose token the bench computes for.
type holder struct {
	target        conformance.Target
	service, user string
	suite         oracle.OCRA
	secret        []byte
}

func userNamed(purpose string) string { return people.Named("auth-" + purpose) }

// service is one that the target knows, where it says which it knows.
func service(t conformance.Target) string {
	if e, ok := t.(conformance.Enroller); ok && len(e.Declared().Services) > 0 {
		return e.Declared().Services[0]
	}
	return "auth"
}

// imported gives the authentication server a token whose secret is known here.
func imported(ctx context.Context, t conformance.Target, purpose, suite string, secret []byte) holder {
	GinkgoHelper()
	h := holder{target: t, service: service(t), user: userNamed(purpose), suite: suiteOf(suite), secret: secret}
	seed := conformance.Seed{Service: h.service, User: h.user, Suite: suite, Secret: secret}
	_, err := t.(conformance.SeedImporter).ImportSeed(ctx, seed)
	Expect(err).NotTo(HaveOccurred(), "import of a seed, suite %s", suite)
	return h
}

func suiteOf(name string) oracle.OCRA {
	GinkgoHelper()
	suite, err := oracle.ParseOCRA(name)
	Expect(err).NotTo(HaveOccurred())
	return suite
}

// secret draws one that any suite can have.
func secret() []byte {
	b := make([]byte, 64)
	rand.Read(b) // does not fail: crypto/rand ends the process instead
	return b
}

// asked is a challenge to the holder. Wishes change what is asked for.
func (h holder) asked(ctx context.Context, wishes ...func(*conformance.Ask)) conformance.Challenge {
	GinkgoHelper()
	c, err := h.ask(ctx, wishes...)
	Expect(err).NotTo(HaveOccurred(), "challenge for suite %s", h.suite.Name)
	return c
}

func (h holder) ask(ctx context.Context, wishes ...func(*conformance.Ask)) (conformance.Challenge, error) {
	a := conformance.Ask{Service: h.service, User: h.user}
	for _, wish := range wishes {
		wish(&a)
	}
	return h.target.(conformance.Challenger).Challenge(ctx, a)
}

func session(text string) func(*conformance.Ask) {
	return func(a *conformance.Ask) { a.Session = text }
}

func registered(question string) func(*conformance.Ask) {
	return func(a *conformance.Ask) { a.Question = question }
}

func validFor(d time.Duration) func(*conformance.Ask) {
	return func(a *conformance.Ask) { a.Validity = d }
}

// response is the right one to a question, now and in a session.
func (h holder) response(question, session string) string {
	in := oracle.OCRAInput{Question: question, Session: session, Moving: h.suite.Moving(conformance.Now(h.target))}
	return h.suite.Response(h.secret, in)
}

// takes hands a response in.
func (h holder) takes(ctx context.Context, challenge, session, response string) bool {
	GinkgoHelper()
	v, err := h.target.(conformance.Challenger).Respond(ctx, conformance.Reply{
		Challenge: challenge, Service: h.service, User: h.user, Session: session, Response: response,
	})
	Expect(err).NotTo(HaveOccurred(), "response")
	return v.Accepted
}

// another is a response that differs in its last digit.
func another(response string) string {
	last := response[len(response)-1]
	return response[:len(response)-1] + string("1032547698"[last-'0'])
}

// parallel calls f for 0 … n−1, so many at the same time, and gives the results in that
// order. f does not assert.
func parallel[T any](n, atOnce int, f func(i int) T) []T {
	results := make([]T, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, atOnce) {
		wg.Go(func() {
			for i := range next {
				results[i] = f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

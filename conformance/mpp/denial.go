package mpp

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/people"
)

const (
	bystanders = 6  // users who are to get their tokens
	floods     = 80 // failures of strangers
	early      = 20 // of them that have come before the users
)

// denial: what locks is not in a stranger's hands.
func denial(t conformance.Target) {
	It("lets no stranger lock the users out", conformance.Claims("ATK-14"), func(ctx SpecContext) {
		e := open(t)
		users := make([]people.User, bystanders)
		for i := range users {
			users[i] = e.enrol(ctx)
		}
		asked := e.strangers(ctx, users)
		slowest := e.flooded(ctx, func() { e.expectAllIn(ctx, users) })
		marked := e.enrol(ctx)
		e.expectRefused(ctx, e.wrongCodes(marked, e.Declared().CodeTries)...)
		e.expectRefused(ctx, e.rightAfter(marked, e.Declared().CodeTries))
		code, err := e.Reissue(ctx, marked.Token)
		Expect(err).NotTo(HaveOccurred(), "another code for a user whose code was killed")
		marked.RegistrationCode = code
		e.expectDelivered(ctx, marked, "a user with another code")
		conformance.Observe("%d failures of strangers with made-up locators, and %d wrong OTPs without the caller's certificate, disturb none of %d users: each gets his token and logs in; the slowest took %v for both, among them. Who has read one locator kills that code with %d failures, and no other; another code brings the token",
			floods, asked, bystanders, slowest.Round(time.Millisecond), e.Declared().CodeTries)
	})
}

// strangers hand in wrong OTPs for users, more than lock a token, on the listener of the
// authentication server.
func (e eps) strangers(ctx context.Context, users []people.User) int {
	GinkgoHelper()
	asked := 0
	for _, s := range e.Target.(conformance.Listeners).Surfaces() {
		if s.Name != "auth" {
			continue
		}
		for _, u := range users {
			for range e.Declared().LockAfter + 1 {
				body := fmt.Appendf(nil, `{"service":%q,"user":%q,"otp":"000000"}`, u.Service, u.Name)
				status(ctx, s.Stranger, s, conformance.Route{Method: http.MethodPost, Path: "/v1/validate", ContentType: "application/json", Body: body})
				asked++
			}
		}
	}
	return asked
}

// flooded does something while strangers fail at provisioning, and gives how long it took.
func (e eps) flooded(ctx context.Context, do func()) time.Duration {
	GinkgoHelper()
	var took atomic.Int64
	bodies := make([][]byte, floods)
	for i := range bodies {
		bodies[i] = e.request(guessing(*e.newUser())).Body
	}
	sideBySide(
		func() { e.send(ctx, bodies...) },
		func() {
			e.send(ctx, bodies[:early]...)
			start := time.Now()
			do()
			took.Store(int64(time.Since(start)))
		},
	)
	return time.Duration(took.Load())
}

// guessing gives a user a code that looks like one, and that nobody has.
func guessing(c people.User) people.User {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's
	locator := make([]byte, 8)
	rand.Read(locator) // never fails
	for i := range locator {
		locator[i] = alphabet[locator[i]%32]
	}
	c.RegistrationCode = string(locator) + "-00000000000"
	return c
}

// expectAllIn has each user provision his phone and log in.
func (e eps) expectAllIn(ctx context.Context, users []people.User) {
	GinkgoHelper()
	for _, u := range users {
		_, grant, err := e.provision(ctx, e.request(u))
		Expect(err).NotTo(HaveOccurred(), "failures of strangers disturb a user: his phone gets no token")
		otp, err := grant.OTP(u.PIN, grant.Counter)
		Expect(err).NotTo(HaveOccurred(), "an OTP on the phone")
		v, err := e.Target.(conformance.Validator).Validate(ctx, u.Service, u.Name, otp)
		Expect(err).NotTo(HaveOccurred(), "validation")
		Expect(v.Accepted).To(BeTrue(), "failures of strangers disturb a user: his OTP is refused")
	}
}

package pin

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// holder is a user with a token on his phone, and with his PIN.
type holder struct {
	target        conformance.Target
	service, user string
	token, pin    string
	suite         oracle.Suite
	grant         oracle.Grant
	answer        []byte // of provisioning, as it was on the wire
	next          uint64 // HOTP: the first counter that is not used
}

// userNamed gives a name that no run has used: a target may be there for longer than one.
func userNamed(purpose string) string {
	return "pin-" + purpose + "-" + strings.ToLower(rand.Text()[:12])
}

func declared(t conformance.Target) conformance.Declared {
	return t.(conformance.Enroller).Declared()
}

// enrolled is a user before he has been at his phone, and his registration code. Zero
// fields of e are chosen here or by the target.
func enrolled(ctx context.Context, t conformance.Target, purpose string, e conformance.EnrolRequest) (h *holder, code string) {
	GinkgoHelper()
	if e.Service == "" {
		e.Service = declared(t).Services[0]
	}
	if e.User == "" {
		e.User = userNamed(purpose)
	}
	issued, err := t.(conformance.Enroller).Enrol(ctx, e)
	Expect(err).NotTo(HaveOccurred(), "enrolment")
	return &holder{target: t, service: e.Service, user: e.User, token: issued.Token, pin: issued.PIN}, issued.RegistrationCode
}

// provision brings the token to the phone. The knobs are those of a phone that asks for
// something else than usual.
func (h *holder) provision(ctx context.Context, code, from string, pinned conformance.Pinned, knobs ...func(*oracle.Request)) error {
	session, err := oracle.Build(pinned, code, h.service, knobs...)
	if err != nil {
		return err
	}
	answer, err := h.target.(conformance.Provisioner).Provision(ctx, from, session.Body)
	if err != nil {
		return fmt.Errorf("provisioning: %w", err)
	}
	h.answer = answer.Body
	if h.grant, err = session.Open(answer.Body, now(h.target)); err != nil {
		return err
	}
	h.next = h.grant.Counter
	h.suite, err = oracle.ParseSuite(h.grant.Suite)
	return err
}

// holders are n of them, all with the same wishes.
func holders(ctx context.Context, t conformance.Target, n int, purpose string, e conformance.EnrolRequest) []*holder {
	GinkgoHelper()
	return parallel(n, func(int) *holder { return oneHolder(ctx, t, purpose, e) })
}

func oneHolder(ctx context.Context, t conformance.Target, purpose string, e conformance.EnrolRequest) *holder {
	GinkgoHelper()
	h, code := enrolled(ctx, t, purpose, e)
	Expect(h.provision(ctx, code, "", t.(conformance.Provisioner).Pinned())).To(Succeed(), "the token that comes to the phone")
	return h
}

// parallel calls f for 0 … n−1 at the same time and gives the results in that order. An
// assertion that fails in one ends the spec when all are done.
func parallel[T any](n int, f func(i int) T) []T {
	GinkgoHelper()
	results := make([]T, n)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			defer GinkgoRecover()
			results[i] = f(i)
			passed.Add(1)
		})
	}
	wg.Wait()
	if int(passed.Load()) < n {
		Fail("not all of what ran at the same time has passed") // what failed first is what is reported
	}
	return results
}

// each is parallel without results.
func each(n int, f func(i int)) {
	GinkgoHelper()
	parallel(n, func(i int) struct{} { f(i); return struct{}{} })
}

// now is the target's time.
func now(t conformance.Target) time.Time {
	if clock, ok := t.(conformance.Clock); ok && t.Capabilities()[conformance.CanSetClock] {
		return clock.Now()
	}
	return time.Now()
}

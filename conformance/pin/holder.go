package pin

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/people"
)

// holder is a user with a token on his phone, and with his PIN.
type holder struct {
	*people.User
	target conformance.Target
}

func userNamed(purpose string) string { return people.Named("pin-" + purpose) }

func declared(t conformance.Target) conformance.Declared {
	return t.(conformance.Enroller).Declared()
}

// newHolder is one before his enrolment.
func newHolder(t conformance.Target, purpose string) *holder {
	return &holder{people.New(t.(people.EPS), "pin-"+purpose), t}
}

// enrolled is a user before he has been at his phone. Zero fields of e are chosen here or by
// the target.
func enrolled(ctx context.Context, t conformance.Target, purpose string, e conformance.EnrolRequest) *holder {
	GinkgoHelper()
	h := newHolder(t, purpose)
	Expect(h.Enrol(ctx, e)).To(Succeed(), "enrolment")
	return h
}

// holders are n of them, all with the same wishes.
func holders(ctx context.Context, t conformance.Target, n int, purpose string, e conformance.EnrolRequest) []*holder {
	GinkgoHelper()
	return conformance.Together(n, func(int) *holder { return oneHolder(ctx, t, purpose, e) })
}

func oneHolder(ctx context.Context, t conformance.Target, purpose string, e conformance.EnrolRequest) *holder {
	GinkgoHelper()
	h := enrolled(ctx, t, purpose, e)
	h.provision(ctx)
	return h
}

// provision brings the token to the phone.
func (h *holder) provision(ctx context.Context) {
	GinkgoHelper()
	Expect(h.Provision(ctx)).To(Succeed(), "the token that comes to the phone")
}

// each is conformance.Together without results.
func each(n int, f func(i int)) {
	GinkgoHelper()
	conformance.Together(n, func(i int) struct{} { f(i); return struct{}{} })
}

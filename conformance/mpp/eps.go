package mpp

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// eps is the target as bank and phones see it.
type eps struct {
	conformance.Target
	conformance.Enroller
	conformance.Provisioner
	version int // of MPP that its phones speak
}

// open is for specs of MPP v2, the version of a target that does not say.
func open(t conformance.Target) eps {
	GinkgoHelper()
	e := eps{t, t.(conformance.Enroller), t.(conformance.Provisioner), 2}
	if on := e.Declared().MPP; len(on) > 0 && !slices.Contains(on, 2) {
		conformance.Undeclared("MPP v2 is off")
	}
	return e
}

// openV1 is for specs of MPP v1, the literal protocol.
func openV1(t conformance.Target) eps {
	GinkgoHelper()
	e := eps{t, t.(conformance.Enroller), t.(conformance.Provisioner), 1}
	if _, ok := t.(conformance.LiteralProvisioner); !ok || !slices.Contains(e.Declared().MPP, 1) {
		conformance.Undeclared("MPP v1 is off")
	}
	return e
}

// serves says whether a version is on, and can be spoken.
func (e eps) serves(version int) bool {
	if _, speaks := e.Target.(conformance.LiteralProvisioner); version == 1 && !speaks {
		return false
	}
	on := e.Declared().MPP
	return slices.Contains(on, version) || len(on) == 0 && version == 2
}

// as is the same EPS for phones of another version.
func (e eps) as(version int) eps {
	e.version = version
	return e
}

// session is one try of a phone, under either version.
type session interface {
	Sent() []byte
	Open(answer []byte, now time.Time) (oracle.Grant, error)
}

// post sends the bytes of a phone.
func (e eps) post(ctx context.Context, from string, body []byte) (conformance.Answer, error) {
	if e.version == 1 {
		return e.Target.(conformance.LiteralProvisioner).ProvisionV1(ctx, from, body)
	}
	return e.Provision(ctx, from, body)
}

// size is the length of every answer.
func (e eps) size() int {
	if e.version == 1 {
		return oracle.LiteralResponseSize
	}
	return oracle.ResponseSize
}

// newUser is one who has not been enrolled. In this family a user is a value: a copy with
// another code or service is somebody who guesses.
func (e eps) newUser() *people.User { return people.New(e, "mpp") }

// wish is what the bank asks for, so that a phone of the version can use it.
func (e eps) wish() (r conformance.EnrolRequest) {
	if e.version == 1 {
		r.MPP = 1
	}
	return r
}

// enrol makes a user whom nobody else has.
func (e eps) enrol(ctx context.Context, wishes ...func(*conformance.EnrolRequest)) people.User {
	GinkgoHelper()
	r := e.wish()
	for _, more := range wishes {
		more(&r)
	}
	u := e.newUser()
	Expect(u.Enrol(ctx, r)).To(Succeed(), "enrolment")
	return *u
}

func validFor(d time.Duration) func(*conformance.EnrolRequest) {
	return func(r *conformance.EnrolRequest) { r.Validity = d }
}

// request is that of an honest phone, but for the knobs.
func (e eps) request(c people.User, knobs ...func(*oracle.Request)) *oracle.Session {
	GinkgoHelper()
	s, err := oracle.Build(e.Pinned(), c.RegistrationCode, c.Service, knobs...)
	if err != nil {
		conformance.Broken("the phone cannot build its request: %v", err)
	}
	return s
}

// literal is that of an honest phone of MPP v1, but for the knobs.
func (e eps) literal(c people.User, knobs ...func(*oracle.LiteralRequest)) *oracle.LiteralSession {
	GinkgoHelper()
	s, err := oracle.BuildLiteral(e.Pinned(), c.RegistrationCode, c.Service, knobs...)
	if err != nil {
		conformance.Broken("the phone cannot build its request: %v", err)
	}
	return s
}

// honest is the request of an honest phone of the version.
func (e eps) honest(c people.User) session {
	GinkgoHelper()
	if e.version == 1 {
		return e.literal(c)
	}
	return e.request(c)
}

// now is the time of the target where it can be told, else the machine's.
func (e eps) now() time.Time { return conformance.Now(e.Target) }

// Phones call from addresses of their own, perSource requests from each, so that the
// limit on failures of an address delays nobody.
const perSource = 20

var calls atomic.Int64

func source() string {
	block := calls.Add(1) / perSource
	return fmt.Sprintf("127.%d.%d.%d", 1+block/62_500, block/250%250, 1+block%250)
}

// inFlight is how many requests are on their way at once: refusals wait for their grid.
const inFlight = 64

// send posts bodies, side by side, and gives the answers in their order.
func (e eps) send(ctx context.Context, bodies ...[]byte) []conformance.Answer {
	GinkgoHelper()
	return e.sendFrom(ctx, sources(len(bodies)), inFlight, bodies)
}

func sources(n int) []string {
	from := make([]string, n)
	for i := range from {
		from[i] = source()
	}
	return from
}

func (e eps) sendFrom(ctx context.Context, from []string, limit int, bodies [][]byte) []conformance.Answer {
	GinkgoHelper()
	answers := make([]conformance.Answer, len(bodies))
	var group errgroup.Group
	group.SetLimit(limit)
	for i, body := range bodies {
		group.Go(func() (err error) {
			answers[i], err = e.post(ctx, from[i], body)
			return err
		})
	}
	Expect(group.Wait()).To(Succeed(), "a request got no answer")
	return answers
}

// provision takes a request to its end: the answer, and what the phone makes of it.
func (e eps) provision(ctx context.Context, s session) (conformance.Answer, oracle.Grant, error) {
	GinkgoHelper()
	answer := e.send(ctx, s.Sent())[0]
	grant, err := s.Open(answer.Body, e.now())
	return answer, grant, err
}

// expectDelivered provisions a user who ought to succeed.
func (e eps) expectDelivered(ctx context.Context, c people.User, what string) (conformance.Answer, oracle.Grant) {
	GinkgoHelper()
	return e.expectAccepted(ctx, c, e.honest(c), what)
}

func (e eps) expectAccepted(ctx context.Context, c people.User, s session, what string) (conformance.Answer, oracle.Grant) {
	GinkgoHelper()
	answer, grant, err := e.provision(ctx, s)
	Expect(err).NotTo(HaveOccurred(), "%s: the phone does not accept the answer", what)
	Expect(grant.Token == c.Token).To(BeTrue(), "%s: the grant names another token", what)
	Expect(e.state(ctx, c)).To(Equal(conformance.Public("provisioned")), "%s: state of the token", what)
	return answer, grant
}

func (e eps) state(ctx context.Context, c people.User) conformance.Public {
	GinkgoHelper()
	state, err := e.Status(ctx, c.Token)
	Expect(err).NotTo(HaveOccurred(), "state of a token")
	return conformance.Public(state)
}

package outage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// margin is what a call may take beyond the target's own patience, on a machine that has
// other work.
const margin = 2 * time.Second

// backWithin is how long after the part has come back all is to be well.
const backWithin = 10 * time.Second

// drill is one outage: people with tokens, the part away, what they try meanwhile, the part
// back, and what they have then.
type drill struct {
	*site
	subject
	server  string // from which the part is taken; empty: both
	people  cast
	session *oracle.Session // of the phone that wants a token
	crowd   *crowd
	objects int // in the EPS's token before
	size    int // of every answer to a phone; 0: it has not begun
}

// cast are those whom an outage is tried on.
type cast struct {
	holder  *user // has a token, and hands in the OTP that is due
	erring  *user // has a token, and hands in wrong OTPs
	leaving *user // has a token, which the bank revokes
	waiting *user // has a code, and wants the token
	lacking *user // has a code, which the bank replaces
	coming  *user // is to get a token
}

func (s *site) drill(ctx context.Context, what subject, server string) {
	d := &drill{site: s, subject: what, server: server}
	name := "both servers"
	if server != "" {
		name = server + " alone"
	}
	var mend func(context.Context) error
	conformance.Case(name+": before", func() { d.before(ctx) })
	if d.size == 0 {
		return
	}
	conformance.Case(name+": while the part is away", func() {
		var err error
		d.crowd, err = s.gather(ctx)
		Expect(err).NotTo(HaveOccurred(), "people in the middle of something")
		defer func() { _ = d.crowd.disperse() }() // also where this case fails
		mend, err = s.target.Break(ctx, what.outage, server)
		if err != nil {
			conformance.Broken("take the part away: %v", err)
		}
		DeferCleanup(mend) // also where this case fails
		d.during(ctx)
	})
	if mend == nil {
		return
	}
	conformance.Case(name+": when it is back", func() {
		if err := mend(ctx); err != nil {
			conformance.Broken("give the part back: %v", err)
		}
		d.after(ctx)
	})
}

// before gives everybody what they have.
func (d *drill) before(ctx context.Context) {
	c := &d.people
	for _, p := range []**user{&c.holder, &c.erring, &c.leaving} {
		made, err := d.equipped(ctx)
		Expect(err).NotTo(HaveOccurred())
		*p = made
	}
	for _, p := range []**user{&c.waiting, &c.lacking} {
		made, err := d.enrolled(ctx)
		Expect(err).NotTo(HaveOccurred())
		*p = made
	}
	c.coming = d.newUser()
	var err error
	d.session, err = oracle.Build(d.target.Pinned(), c.waiting.RegistrationCode, c.waiting.Service)
	Expect(err).NotTo(HaveOccurred())
	d.objects, err = d.handles(ctx)
	Expect(err).NotTo(HaveOccurred(), "objects in the EPS's token")
	answer, err := d.target.Provision(ctx, "", []byte{0x80})
	Expect(err).NotTo(HaveOccurred())
	d.size = len(answer.Body)
}

// during has everybody try at once what they want.
func (d *drill) during(ctx context.Context) {
	if d.course == creeps {
		d.exhaust(ctx)
	}
	if d.course != passes {
		d.unready(ctx)
	}
	tried := d.attempts()
	all(ctx, tried, d.bound())
	var told []error // first of all: what else is found may end this case
	for _, a := range tried {
		if a.err == nil && a.acknowledged() {
			told = append(told, a.done(a.answer))
		}
	}
	Expect(errors.Join(told...)).To(Succeed(), "what is acknowledged")
	yes, no := 0, 0
	for _, a := range tried {
		Expect(a.took).To(BeNumerically("<", d.bound()), "%s: not answered in time", a.name)
		Expect(a.err).NotTo(HaveOccurred(), "%s: no answer", a.name)
		if a.acknowledged() {
			yes++
			Expect(a.needs && d.course == lasts).To(BeFalse(), "%s: acknowledged without the part that it needs", a.name)
			continue
		}
		no++
		Expect(a.refusal(a.answer)).To(Succeed(), "%s: the refusal", a.name)
	}
	Expect(d.crowd.disperse()).To(Succeed(), "those who were in the middle of something")
	slowest := slices.MaxFunc(tried, func(a, b *attempt) int { return cmp.Compare(a.took, b.took) })
	conformance.Observe("%d calls at once: %d carried out, %d refused as they should be, the slowest (%s) after %.1f s; %d calls of people in the middle of something",
		len(tried), yes, no, slowest.name, slowest.took.Seconds(), d.crowd.calls.Load())
}

// bound is the time in which a call has to be answered.
func (s *site) bound() time.Duration { return s.target.Patience() + margin }

// unready wants both servers to say that the part is away.
func (d *drill) unready(ctx context.Context) {
	start := time.Now()
	Eventually(func(g Gomega) {
		for _, r := range d.ready(ctx, d.hit()) {
			g.Expect(r.err).NotTo(HaveOccurred(), "the readiness of %s is not answered in time", r.server)
			g.Expect(r.Ready).To(BeFalse(), "the readiness of %s is true without its %s", r.server, d.outage.Part())
			g.Expect(r.Gone).To(ContainElement(d.outage.Part()), "the readiness of %s does not name the part", r.server)
		}
	}).WithContext(ctx).WithTimeout(d.bound()).WithPolling(poll).Should(Succeed())
	conformance.Observe("not ready, and said so after %.1f s", time.Since(start).Seconds())
}

// poll is the time between two questions about readiness.
const poll = 20 * time.Millisecond

// state is what a server says of itself, or why it does not.
type state struct {
	server string
	conformance.Readiness
	err error
}

// ready asks servers at once, and waits for their answers, but not for ever.
func (d *drill) ready(ctx context.Context, servers []string) []state {
	ctx, cancel := context.WithTimeout(ctx, d.bound())
	defer cancel()
	states := make([]state, len(servers))
	var asked sync.WaitGroup
	for i, server := range servers {
		asked.Go(func() {
			r, err := d.target.Ready(ctx, server)
			states[i] = state{server, r, err}
		})
	}
	asked.Wait()
	return states
}

// hit are the servers that lack the part.
func (d *drill) hit() []string {
	if d.server != "" {
		return []string{d.server}
	}
	return both
}

var both = []string{"eps", "authserver"}

// most is how many tokens a database without room may still take in what is left of its
// pages.
const most = 200

// exhaust uses up the room that is left, by tokens for people who want one.
func (d *drill) exhaust(ctx context.Context) {
	for n := range most {
		p := d.newUser()
		answer, err := d.post(ctx, "bank", "/v1/tokens", map[string]string{"service": p.Service, "user": p.Name})
		Expect(err).NotTo(HaveOccurred(), "enrolment")
		if answer.Status >= 300 {
			Expect(document(answer)).To(Succeed(), "enrolment: the refusal")
			conformance.Observe("%d tokens still had room", n)
			return
		}
		Expect(p.read(answer)).To(Succeed(), "enrolment: the answer")
	}
	Expect(most).To(BeZero(), "tokens were made in a database without room")
}

// after wants everything as it was acknowledged, and everything to work.
func (d *drill) after(ctx context.Context) {
	start := time.Now()
	Eventually(func(g Gomega) {
		for _, r := range d.ready(ctx, both) {
			g.Expect(r.err).NotTo(HaveOccurred(), "the readiness of %s is not answered in time", r.server)
			g.Expect(r.Ready).To(BeTrue(), "%s is not ready although its parts are back: %s", r.server, r.Raw)
		}
	}).WithContext(ctx).WithTimeout(backWithin).WithPolling(poll).Should(Succeed())
	back := time.Since(start)
	Expect(d.target.Settle(ctx)).To(Succeed(), "messages that wait for the authentication server")
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"an OTP that got no answer, and the next", d.holds},
		{"the failures of a user", d.forgiven},
		{"a revocation", d.leaves},
		{"a code", d.opens},
		{"a code that was to be replaced", d.replaces},
		{"an enrolment that got no answer", d.comes},
		{"those who were in the middle of something", d.crowd.settle},
		{"the audit", d.target.VerifyAudit},
		{"the books of both servers", d.agrees},
	} {
		Expect(step.do(ctx)).To(Succeed(), "when the part is back: %s", step.what)
	}
	Eventually(d.handles).WithContext(ctx).WithTimeout(backWithin).WithPolling(poll).Should(BeNumerically("<=", d.objects), "objects that nobody destroys stay in the EPS's token")
	conformance.Observe("all works again %.1f s after the part was back; %d tokens stand as they were acknowledged to stand", back.Seconds(), len(d.ledger))
}

// agrees compares both databases with each other and with what was acknowledged.
func (s *site) agrees(ctx context.Context) error {
	if err := s.target.Settle(ctx); err != nil {
		return err
	}
	books, err := s.target.Books(ctx)
	if err != nil {
		return err
	}
	have := map[string]conformance.Entry{}
	for _, e := range books {
		have[e.Token] = e
		if err := settled(e); err != nil {
			return err
		}
	}
	for token, want := range s.ledger {
		if have[token] != want {
			return fmt.Errorf("token %s of %s: acknowledged as %s and %s, found as %q and %q", token, want.User, want.EPS, want.AuthServer, have[token].EPS, have[token].AuthServer)
		}
	}
	return nil
}

// partner is the state of the authentication server's row that goes with one of the EPS's.
var partner = map[string][]string{
	"issued": {"active"}, "provisioned": {"active"}, "revoked": {"revoked"}, "cancelled": {"cancelled", ""},
}

// settled tells what is half done.
func settled(e conformance.Entry) error {
	if e.Waiting > 0 {
		return fmt.Errorf("token %s: %d messages wait", e.Token, e.Waiting)
	}
	for _, state := range partner[e.EPS] {
		if state == e.AuthServer {
			return nil
		}
	}
	return fmt.Errorf("token %s of %s is half done: %q at the EPS, %q at the authentication server", e.Token, e.User, e.EPS, e.AuthServer)
}

package outage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Faults is the family that has the HSM fail as real ones have: one scenario after the
// other, each played once, and then looked at by three claims.
func Faults(p conformance.Profile) conformance.Family {
	return conformance.Family{Name: "faults", Claims: catalogue.All(), Profile: p, Specs: faultSpecs}
}

// aspects are what a claim asks of what came of a scenario.
var aspects = []struct {
	text, claim string
	of          func(course *played) error
}{
	{"fails closed", "FAULT-closed", func(p *played) error { return p.during }},
	{"works again when the HSM does", "FAULT-recovers", func(p *played) error { return p.back }},
	{"leaves nothing half made", "FAULT-whole", func(p *played) error { return p.whole }},
}

func faultSpecs(t conformance.Target) {
	s := &theatre{site: &site{}, played: map[string]*played{}}
	for _, a := range aspects {
		It(a.text, conformance.Claims(a.claim), func(ctx SpecContext) {
			Expect(s.open(ctx, t)).To(Succeed(), "a target that can be broken")
			faulty, ok := s.target.(conformance.Faulty)
			if !ok {
				conformance.Block("the target's HSM cannot be made to play faults")
			}
			Expect(faulty.Faults()).NotTo(BeEmpty(), "scenarios to play")
			for _, f := range faulty.Faults() {
				conformance.Case(f.Name, func() {
					p := s.play(ctx, faulty, f)
					if p.struck == 0 {
						conformance.Undecided("the EPS makes no call that this scenario strikes")
					}
					Expect(a.of(p)).To(Succeed(), "%s", f.About)
					conformance.Observe("%d calls of the HSM struck, %d calls answered: %d carried out, %d refused", p.struck, p.carried+p.refused, p.carried, p.refused)
				})
			}
		})
	}
}

// theatre is where the scenarios are played.
type theatre struct {
	*site
	played map[string]*played
	holder *user // has a token, and goes on with it from one scenario to the next
}

// played is what came of a scenario.
type played struct {
	struck           int // calls of the HSM that the scenario has struck
	carried, refused int // calls to the servers
	during           error
	back             error // whatever did not work afterwards
	whole            error
}

// few scenarios are played to one user: his wrong OTPs add up until they lock his token.
const few = 5

// prepare gives a user a token, and has both servers refuse somebody once: what they load
// for that is not left over from a scenario.
func (s *theatre) prepare(ctx context.Context) {
	var err error
	if s.holder, err = s.equipped(ctx); err == nil {
		_, err = s.target.Provision(ctx, "", []byte{0x80})
	}
	if err == nil {
		err = s.holder.errs(ctx, 1)
	}
	if err == nil {
		err = s.holder.logsIn(ctx)
	}
	if err != nil {
		conformance.Broken("a user with a token: %v", err)
	}
}

// rounds is how often everybody tries while the HSM fails.
const rounds = 3

// play plays a scenario, once.
func (s *theatre) play(ctx context.Context, target conformance.Faulty, f conformance.Fault) *played {
	if had := s.played[f.Name]; had != nil {
		return had
	}
	p := new(played)
	s.played[f.Name] = p
	if len(s.played)%few == 1 || s.holder == nil {
		s.prepare(ctx)
	}
	before, err := s.handles(ctx)
	if err != nil {
		conformance.Broken("objects in the EPS's token: %v", err)
	}
	s.holder.failed = 0
	holder, guest := &holding{regular{user: s.holder, spoilt: f.Wrong}}, &newcomers{site: s.site, spoilt: f.Wrong}
	end, err := target.Fail(ctx, f.Name)
	if err != nil {
		conformance.Broken("play %s: %v", f.Name, err)
	}
	p.during = errors.Join(s.all(ctx, p, holder.step, guest.step)...)
	p.struck = end()
	p.back = s.recovers(ctx, holder, guest)
	p.whole = s.intact(ctx, before)
	if p.back != nil {
		s.holder = nil // what became of him is told once
	}
	return p
}

// all has everybody try at once, some rounds.
func (s *theatre) all(ctx context.Context, p *played, steps ...func(context.Context) (bool, error)) []error {
	wrong := make([]error, len(steps))
	var mu sync.Mutex
	var under sync.WaitGroup
	for i, step := range steps {
		under.Go(func() {
			for range rounds {
				limited, cancel := context.WithTimeout(ctx, 2*s.bound())
				carried, err := step(limited)
				cancel()
				mu.Lock()
				if carried {
					p.carried++
				} else {
					p.refused++
				}
				mu.Unlock()
				if err != nil {
					wrong[i] = err
					return
				}
			}
		})
	}
	under.Wait()
	return wrong
}

// holding hands in the OTP that is due, and then a wrong one. Where the HSM computes
// something else than it is asked, the right one may be refused; the wrong one never passes.
type holding struct{ regular }

func (h *holding) step(ctx context.Context) (carried bool, err error) {
	due := h.Next
	a, err := h.submit(ctx, h.user, h.due())
	switch {
	case err != nil:
		return false, fmt.Errorf("an OTP gets no answer: %w", err)
	case a.Status != ok:
		h.open = true
		if err := refusal(a, h.spoilt); err != nil {
			return false, err
		}
	default:
		if err := h.judged(a); err != nil {
			return false, err
		}
		if h.Next == due && !h.spoilt && !h.open {
			return false, errors.New("the OTP that is due is refused")
		}
		carried = h.Next > due
	}
	if h.failed >= 2 {
		return carried, nil // one more would lock
	}
	a, err = h.submit(ctx, h.user, h.wrong())
	if err != nil {
		return false, fmt.Errorf("a wrong OTP gets no answer: %w", err)
	}
	if a.Status != ok {
		return carried, refusal(a, h.spoilt)
	}
	if now := h.Next; errors.Join(h.judged(a)) != nil || h.Next > now {
		return false, errors.New("a wrong OTP is accepted")
	}
	return carried, nil
}

// recovers wants everything to work again, without a restart.
func (s *theatre) recovers(ctx context.Context, h *holding, n *newcomers) error {
	begun := time.Now()
	for {
		err := s.isReady(ctx)
		if err == nil {
			break
		}
		if time.Since(begun) > backWithin {
			return fmt.Errorf("although its parts are back: %w", err)
		}
		pause(ctx, poll)
	}
	if err := s.target.Settle(ctx); err != nil {
		return fmt.Errorf("messages that wait for the authentication server: %w", err)
	}
	if err := h.settle(ctx); err != nil {
		return err
	}
	return n.settle(ctx)
}

// isReady asks both servers.
func (s *theatre) isReady(ctx context.Context) error {
	for _, server := range both {
		limited, cancel := context.WithTimeout(ctx, s.bound())
		r, err := s.target.Ready(limited, server)
		cancel()
		if err == nil && !r.Ready {
			err = fmt.Errorf("%s is not ready: %s", server, r.Raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// intact wants both databases to agree, the audit to verify, and no object left over.
func (s *theatre) intact(ctx context.Context, before int) error {
	if err := s.agrees(ctx); err != nil {
		return err
	}
	if err := s.target.VerifyAudit(ctx); err != nil {
		return fmt.Errorf("the audit: %w", err)
	}
	begun := time.Now()
	for {
		now, err := s.handles(ctx)
		if err != nil || now <= before {
			return err
		}
		if time.Since(begun) > backWithin {
			return fmt.Errorf("%d objects that nobody destroys stay in the EPS's token", now-before)
		}
		pause(ctx, poll)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

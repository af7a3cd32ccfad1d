package outage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epsbench/epsbench/conformance/oracle"
)

// crowd are people who are in the middle of something when the part goes away. Each goes on
// until the first refusal.
type crowd struct {
	walkers []walker
	begun   sync.WaitGroup // everybody has had an answer
	under   sync.WaitGroup
	ended   atomic.Bool
	wrong   []error // by walker
	calls   atomic.Int64
	bound   time.Duration // for the calls of a step
}

// walker makes one call after the other: step says whether it was carried out; an error is
// what is wrong. settle says what is wrong when the part is back.
type walker interface {
	step(ctx context.Context) (carried bool, err error)
	settle(ctx context.Context) error
}

// enough calls of one walker show what there is to be seen.
const enough = 60

// gather starts the crowd, and waits until all are under way.
func (s *site) gather(ctx context.Context) (*crowd, error) {
	holder, err := s.equipped(ctx)
	if err != nil {
		return nil, err
	}
	c := &crowd{walkers: []walker{&regular{user: holder}, &newcomers{site: s}, &newcomers{site: s}}}
	c.bound = 2 * s.bound()
	c.wrong = make([]error, len(c.walkers))
	c.begun.Add(len(c.walkers))
	for i, w := range c.walkers {
		c.under.Go(func() { c.wrong[i] = c.walk(ctx, w) })
	}
	c.begun.Wait()
	return c, nil
}

func (c *crowd) walk(ctx context.Context, w walker) error {
	begun := sync.OnceFunc(c.begun.Done)
	defer begun()
	for range enough {
		limited, cancel := context.WithTimeout(ctx, c.bound)
		carried, err := w.step(limited)
		cancel()
		c.calls.Add(1)
		if err != nil || !carried || c.ended.Load() {
			return err
		}
		begun()
	}
	return nil
}

// disperse ends the crowd, and tells what was wrong with an answer.
func (c *crowd) disperse() error {
	c.ended.Store(true)
	c.under.Wait()
	return errors.Join(c.wrong...)
}

// settle wants of everybody what they were told.
func (c *crowd) settle(ctx context.Context) error {
	for _, w := range c.walkers {
		if err := w.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// regular logs in with one OTP after the other.
type regular struct {
	*user
	open   bool // the last OTP got no answer
	spoilt bool // the HSM does something else than it is asked: the right OTP may be refused
}

func (r *regular) step(ctx context.Context) (bool, error) {
	a, err := r.submit(ctx, r.user, r.due())
	switch {
	case err != nil:
		return false, fmt.Errorf("an OTP gets no answer: %w", err)
	case a.Status != ok:
		r.open = true
		return false, document(a)
	}
	if err := r.judged(a); err != nil || r.failed > 0 {
		return false, errors.Join(err, errors.New("the OTP that is due is refused"))
	}
	return true, nil
}

// settle: the OTP that got no answer may have been taken, once.
func (r *regular) settle(ctx context.Context) error {
	if again, err := r.accepted(ctx, r.Next-1); err != nil || again {
		return errors.Join(err, fmt.Errorf("an OTP that was accepted is accepted again: %t", again))
	}
	taken, err := r.accepted(ctx, r.Next)
	if err != nil {
		return err
	}
	r.Next++
	if !taken && !r.open && !r.spoilt {
		return errors.New("the OTP that is due is refused")
	}
	return r.logsIn(ctx)
}

// newcomers are enrolled, get their token and log in, one after the other.
type newcomers struct {
	*site
	spoilt bool // the HSM does something else than it is asked: other refusals will do
	last   *user
	at     stage
}

// stage is what somebody was refused last.
type stage uint8

const (
	nothing stage = iota
	enrolling
	provisioning
)

func (n *newcomers) step(ctx context.Context) (bool, error) {
	n.last, n.at = n.newUser(), enrolling
	a, err := n.post(ctx, "bank", "/v1/tokens", map[string]string{"service": n.last.Service, "user": n.last.Name})
	if err != nil {
		return false, fmt.Errorf("an enrolment gets no answer: %w", err)
	}
	if a.Status >= 300 {
		return false, refusal(a, n.spoilt)
	}
	if err := n.last.read(a); err != nil {
		return false, err
	}
	n.at = provisioning
	if err := n.last.provision(ctx); err != nil {
		var refused oracle.Refusal
		if errors.As(err, &refused) {
			err = nil
		}
		n.forget(n.last.Token) // it may be on its way
		return false, err
	}
	n.at = nothing
	return true, nil
}

// settle: an enrolment that was refused can be made; a token that was refused comes, or was
// lost on its way, and then the bank can replace it.
func (n *newcomers) settle(ctx context.Context) error {
	p := n.last
	switch n.at {
	case nothing:
		return p.logsIn(ctx)
	case provisioning:
		if p.provision(ctx) == nil {
			return p.logsIn(ctx)
		}
		if err := n.target.Change(ctx, p.Token, "revoke"); err != nil {
			return fmt.Errorf("a token that was lost on its way cannot be revoked: %w", err)
		}
		p.stands("revoked", "revoked")
	}
	if err := p.enrol(ctx); err != nil {
		return fmt.Errorf("a user whose enrolment was cut off cannot be enrolled: %w", err)
	}
	if err := p.provision(ctx); err != nil {
		return err
	}
	return p.logsIn(ctx)
}

package outage

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// person has a token, or is to get one.
type person struct {
	*site
	service, name    string
	token, pin, code string
	suite            oracle.Suite
	grant            oracle.Grant
	next             uint64 // counter
	failed           int    // wrong OTPs that were answered, in a row
}

func runName() string { return strings.ToLower(rand.Text()[:8]) }

// newPerson is somebody whom the target has never heard of.
func (s *site) newPerson() *person {
	n := s.people.Add(1)
	return &person{site: s, service: s.target.Declared().Services[0], name: fmt.Sprintf("outage-%s-%d", s.run, n)}
}

// stands notes what both sides must say of a token from now on.
func (p *person) stands(eps, authserver string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger[p.token] = conformance.Entry{Token: p.token, Service: p.service, User: p.name, EPS: eps, AuthServer: authserver}
}

// forget strikes out a token of which nothing is known.
func (s *site) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ledger, token)
}

// enrolled gives a person a token that no phone has yet.
func (s *site) enrolled(ctx context.Context) (*person, error) {
	p := s.newPerson()
	e, err := s.target.Enrol(ctx, conformance.EnrolRequest{Service: p.service, User: p.name})
	if err != nil {
		return nil, fmt.Errorf("a new user is not enrolled: %w", err)
	}
	p.takes(e)
	return p, nil
}

func (p *person) takes(e conformance.Enrolled) {
	p.token, p.pin, p.code = e.Token, e.PIN, e.RegistrationCode
	p.stands("issued", "active")
}

// equipped gives a person a token on the phone, and one OTP that was accepted.
func (s *site) equipped(ctx context.Context) (*person, error) {
	p, err := s.enrolled(ctx)
	if err == nil {
		err = p.provision(ctx)
	}
	if err == nil {
		err = p.logsIn(ctx)
	}
	return p, err
}

// provision brings the token to the phone.
func (p *person) provision(ctx context.Context) error {
	s, err := oracle.Build(p.target.Pinned(), p.code, p.service)
	if err != nil {
		return err
	}
	answer, err := p.target.Provision(ctx, "", s.Body)
	if err != nil {
		return err
	}
	g, err := s.Open(answer.Body, time.Now())
	if err != nil {
		return fmt.Errorf("the code does not open: %w", err)
	}
	return p.has(g)
}

// has is the phone with its token.
func (p *person) has(g oracle.Grant) (err error) {
	p.grant, p.next = g, g.Counter
	p.stands("provisioned", "active")
	p.suite, err = oracle.ParseSuite(g.Suite)
	return err
}

// accepted says whether the OTP of a counter is.
func (p *person) accepted(ctx context.Context, counter uint64) (bool, error) {
	otp, err := p.grant.OTP(p.pin, counter)
	if err != nil {
		return false, err
	}
	v, err := p.target.Validate(ctx, p.service, p.name, otp)
	if err == nil && v.Status != ok {
		err = &conformance.Refused{Status: v.Status}
	}
	return v.Accepted, err
}

// logsIn wants the next OTP accepted.
func (p *person) logsIn(ctx context.Context) error {
	accepted, err := p.accepted(ctx, p.next)
	if err == nil && !accepted {
		err = fmt.Errorf("the next OTP of %s is refused", p.name)
	}
	if err == nil {
		p.next++
	}
	return err
}

// errs hands in wrong OTPs, which are refused.
func (p *person) errs(ctx context.Context, times int) error {
	for range times {
		v, err := p.target.Validate(ctx, p.service, p.name, p.wrong())
		if err != nil {
			return err
		}
		if v.Status != ok || v.Accepted {
			return fmt.Errorf("a wrong OTP has status %d, accepted %t", v.Status, v.Accepted)
		}
	}
	return nil
}

// wrong is an OTP of none of the counters that may be tried now.
func (p *person) wrong() string {
	near := map[string]bool{}
	for c := range uint64(2 * p.target.Declared().LookAhead) {
		if otp, err := p.grant.OTP(p.pin, p.next+c); err == nil {
			near[otp] = true
		}
	}
	for n := 0; ; n++ {
		if otp := fmt.Sprintf("%0*d", p.suite.Digits, n); !near[otp] {
			return otp
		}
	}
}

package people

import (
	"context"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// Request is what his phone sends for a registration code, his own or another.
func (u *User) Request(code string) (*oracle.Session, error) {
	return oracle.Build(u.EPS.Pinned(), code, u.Service)
}

// Provision brings the token to his phone. The error is an oracle.Refusal where there was an
// answer that his phone does not accept.
func (u *User) Provision(ctx context.Context) error {
	s, err := u.Request(u.RegistrationCode)
	if err != nil {
		return err
	}
	answer, grant, err := Post(ctx, u.EPS, "", s)
	u.Session, u.Answer = s, answer.Body
	if err != nil {
		return err
	}
	return u.Has(grant)
}

// Has is his phone with a token that makes OTPs.
func (u *User) Has(g oracle.Grant) (err error) {
	u.Grant, u.Next = g, g.Counter
	u.Suite, err = oracle.ParseSuite(g.Suite)
	return err
}

// Post sends the request of a phone at an address, and opens the answer: the error is an
// oracle.Refusal where the phone does not accept it. It changes nobody, so that several
// phones can do it at once.
func Post(ctx context.Context, eps conformance.Provisioner, from string, s *oracle.Session) (conformance.Answer, oracle.Grant, error) {
	answer, err := eps.Provision(ctx, from, s.Body)
	if err != nil {
		return answer, oracle.Grant{}, fmt.Errorf("provisioning: %w", err)
	}
	grant, err := s.Open(answer.Body, now(eps))
	return answer, grant, err
}

// now is the time of the EPS where it has one of its own.
func now(eps any) time.Time {
	if t, ok := eps.(conformance.Target); ok {
		return conformance.Now(t)
	}
	return time.Now()
}

package outage

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// user has a token, or is to get one.
type user struct {
	*people.User
	*site
	failed int // wrong OTPs that were answered, in a row
}

// newUser is somebody whom the target has never heard of.
func (s *site) newUser() *user { return &user{User: people.New(s.target, "outage"), site: s} }

// stands notes what both sides must say of a token from now on.
func (u *user) stands(eps, authserver string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ledger[u.Token] = conformance.Entry{Token: u.Token, Service: u.Service, User: u.Name, EPS: eps, AuthServer: authserver}
}

// forget strikes out a token of which nothing is known.
func (s *site) forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ledger, token)
}

// enrolled is a user whose token no phone has yet.
func (s *site) enrolled(ctx context.Context) (*user, error) {
	u := s.newUser()
	if err := u.enrol(ctx); err != nil {
		return nil, fmt.Errorf("a new user is not enrolled: %w", err)
	}
	return u, nil
}

// enrol asks for a token. Without an error it is acknowledged.
func (u *user) enrol(ctx context.Context) error {
	err := u.Enrol(ctx, conformance.EnrolRequest{})
	if err == nil {
		u.stands("issued", "active")
	}
	return err
}

// equipped is a user with a token on his phone, and one OTP that was accepted.
func (s *site) equipped(ctx context.Context) (*user, error) {
	u, err := s.enrolled(ctx)
	if err == nil {
		err = u.provision(ctx)
	}
	if err == nil {
		err = u.logsIn(ctx)
	}
	return u, err
}

// provision brings the token to the phone. Without an error the delivery is acknowledged.
func (u *user) provision(ctx context.Context) error {
	if err := u.Provision(ctx); err != nil {
		return fmt.Errorf("the token does not come to the phone: %w", err)
	}
	u.stands("provisioned", "active")
	return nil
}

// has is the phone with its token.
func (u *user) has(g oracle.Grant) error {
	u.stands("provisioned", "active")
	return u.Has(g)
}

// accepted says whether the OTP of a counter is.
func (u *user) accepted(ctx context.Context, counter uint64) (bool, error) {
	otp, err := u.OTP(counter)
	if err != nil {
		return false, err
	}
	v, err := u.target.Validate(ctx, u.Service, u.Name, otp)
	if err == nil && v.Status != ok {
		err = &conformance.Refused{Status: v.Status}
	}
	return v.Accepted, err
}

// logsIn wants the next OTP accepted.
func (u *user) logsIn(ctx context.Context) error {
	accepted, err := u.accepted(ctx, u.Next)
	if err == nil && !accepted {
		err = fmt.Errorf("the next OTP of %s is refused", u.Name)
	}
	if err == nil {
		u.Next++
	}
	return err
}

// errs hands in wrong OTPs, which are refused.
func (u *user) errs(ctx context.Context, times int) error {
	for range times {
		v, err := u.target.Validate(ctx, u.Service, u.Name, u.wrong())
		if err != nil {
			return err
		}
		if v.Status != ok || v.Accepted {
			return fmt.Errorf("a wrong OTP has status %d, accepted %t", v.Status, v.Accepted)
		}
	}
	return nil
}

// wrong is an OTP of none of the counters that may be tried now; "" where there is no token.
func (u *user) wrong() string {
	otps, err := u.Wrong(1)
	if err != nil {
		return ""
	}
	return otps[0]
}

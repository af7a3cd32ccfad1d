package crash

import (
	"context"
	"errors"
	"net/http"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// user has a token, or is to get one.
type user struct {
	*people.User
	*campaign
}

// newUser is one whom the target has never heard of.
func (c *campaign) newUser() *user { return &user{people.New(c.target, "crash"), c} }

// enrol asks for a token. Without an error it is acknowledged.
func (u *user) enrol(ctx context.Context) error {
	if err := u.Enrol(ctx, conformance.EnrolRequest{}); err != nil {
		return err
	}
	u.fresh(u.Token, "issued")
	return nil
}

// post sends a request and opens the answer: an oracle.Refusal where the EPS has refused.
func (u *user) post(ctx context.Context, s *oracle.Session) (oracle.Grant, error) {
	_, g, err := people.Post(ctx, u.target, "", s)
	return g, err
}

// provision brings the token to the phone. Without an error the delivery is acknowledged.
func (u *user) provision(ctx context.Context) error {
	if err := u.Provision(ctx); err != nil {
		return err
	}
	u.fresh(u.Token, "provisioned")
	return nil
}

// has is the phone with its token.
func (u *user) has(g oracle.Grant) error {
	u.fresh(u.Token, "provisioned")
	return u.Has(g)
}

// submit gives what the authentication server says to an OTP; an error is no answer.
func (u *user) submit(ctx context.Context, otp string) (accepted bool, err error) {
	v, err := u.target.Validate(ctx, u.Service, u.Name, otp)
	if err == nil && v.Status != http.StatusOK {
		err = &conformance.Refused{Status: v.Status}
	}
	return v.Accepted, err
}

// accepted says whether the OTP of a counter is.
func (u *user) accepted(ctx context.Context, counter uint64) (bool, error) {
	otp, err := u.OTP(counter)
	if err != nil {
		return false, err
	}
	return u.submit(ctx, otp)
}

// equipped is a user with his token on his phone.
func (c *campaign) equipped(ctx context.Context) (*user, error) {
	u := c.newUser()
	if err := u.enrol(ctx); err != nil {
		return nil, violated("a new user is not enrolled: %v", err)
	}
	if err := u.provision(ctx); err != nil {
		return nil, violated("a new token is not delivered: %v", err)
	}
	return u, nil
}

// usable takes an enrolled user to his first login.
func (u *user) usable(ctx context.Context) error {
	if err := u.provision(ctx); err != nil {
		return violated("the code of an acknowledged enrolment does not open: %v", err)
	}
	return u.logsIn(ctx)
}

// logsIn wants the next OTP accepted.
func (u *user) logsIn(ctx context.Context) error {
	ok, err := u.accepted(ctx, u.Next)
	switch {
	case err != nil:
		return violated("the next OTP has no answer: %v", err)
	case !ok:
		return violated("the next OTP is refused")
	}
	u.Next++
	return nil
}

// anew gives a user a token who has none, whatever has been before.
func (u *user) anew(ctx context.Context) error {
	if err := u.enrol(ctx); err != nil {
		return violated("the user cannot be enrolled anew: %v", err)
	}
	return u.usable(ctx)
}

// replaced revokes the user's token, which nobody can use, and gives him another.
func (u *user) replaced(ctx context.Context, token string) error {
	if err := u.target.Change(ctx, token, "revoke"); err != nil {
		return violated("a token that nobody has got cannot be revoked: %v", err)
	}
	u.stands(token, "revoked", "revoked")
	return u.anew(ctx)
}

// entries are the user's tokens in the books; all agree.
func (u *user) entries(ctx context.Context) ([]conformance.Entry, error) {
	books, err := u.target.Books(ctx)
	if err != nil {
		return nil, err
	}
	var own []conformance.Entry
	for _, e := range books {
		if e.User != u.Name || e.Service != u.Service {
			continue
		}
		if err := agreed(e); err != nil {
			return nil, err
		}
		own = append(own, e)
	}
	return own, nil
}

// entry is the one token of a user.
func (u *user) entry(ctx context.Context) (conformance.Entry, error) {
	own, err := u.entries(ctx)
	if err == nil && len(own) != 1 {
		err = violated("a user has %d tokens", len(own))
	}
	if err != nil {
		return conformance.Entry{}, err
	}
	return own[0], nil
}

// isRefusal says whether a phone was refused, in so many bytes.
func isRefusal(err error) bool {
	var r oracle.Refusal
	return errors.As(err, &r)
}

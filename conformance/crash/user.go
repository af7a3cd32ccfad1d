package crash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// user has a token, or is to get one.
type user struct {
	*campaign
	service, name    string
	token, pin, code string
	suite            oracle.Suite
	grant            oracle.Grant
	next             uint64 // counter
}

// newUser is one whom the target has never heard of.
func (c *campaign) newUser() *user {
	c.users++
	return &user{campaign: c, service: c.target.Declared().Services[0], name: fmt.Sprintf("crash-%s-%d", c.run, c.users)}
}

// enrol asks for a token. Without an error it is acknowledged.
func (u *user) enrol(ctx context.Context) error {
	e, err := u.target.Enrol(ctx, conformance.EnrolRequest{Service: u.service, User: u.name})
	if err != nil {
		return err
	}
	u.token, u.pin, u.code = e.Token, e.PIN, e.RegistrationCode
	u.fresh(u.token, "issued")
	return nil
}

// request is what the user's phone sends.
func (u *user) request(code string) (*oracle.Session, error) {
	return oracle.Build(u.target.Pinned(), code, u.service)
}

// post sends a request and opens the answer: an oracle.Refusal where the EPS has refused.
func (u *user) post(ctx context.Context, s *oracle.Session) (oracle.Grant, error) {
	answer, err := u.target.Provision(ctx, "", s.Body)
	if err != nil {
		return oracle.Grant{}, err
	}
	return s.Open(answer.Body, time.Now())
}

// provision brings the token to the phone. Without an error the delivery is acknowledged.
func (u *user) provision(ctx context.Context) error {
	s, err := u.request(u.code)
	if err != nil {
		return err
	}
	g, err := u.post(ctx, s)
	if err != nil {
		return err
	}
	return u.has(g)
}

// has is the phone with its token.
func (u *user) has(g oracle.Grant) (err error) {
	u.grant, u.next = g, g.Counter
	u.suite, err = oracle.ParseSuite(g.Suite)
	u.fresh(u.token, "provisioned")
	return err
}

// otp is the OTP of a counter.
func (u *user) otp(counter uint64) (string, error) { return u.grant.OTP(u.pin, counter) }

// submit gives what the authentication server says to an OTP; an error is no answer.
func (u *user) submit(ctx context.Context, otp string) (accepted bool, err error) {
	v, err := u.target.Validate(ctx, u.service, u.name, otp)
	if err == nil && v.Status != http.StatusOK {
		err = &conformance.Refused{Status: v.Status}
	}
	return v.Accepted, err
}

// accepted says whether the OTP of a counter is.
func (u *user) accepted(ctx context.Context, counter uint64) (bool, error) {
	otp, err := u.otp(counter)
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
	ok, err := u.accepted(ctx, u.next)
	switch {
	case err != nil:
		return violated("the next OTP has no answer: %v", err)
	case !ok:
		return violated("the next OTP is refused")
	}
	u.next++
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
		if e.User != u.name || e.Service != u.service {
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

package crash

import (
	"context"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// askForActivation has the EPS ask for it from now on, or no more: other subjects are judged
// without it, and nobody says which comes first.
func (c *campaign) askForActivation(ctx context.Context, on bool) error {
	if c.down != nil {
		return c.down
	}
	c.waits = map[bool]string{true: "inactive"}[on]
	c.down = c.target.(conformance.DividedActivator).SetActivation(ctx, on)
	return c.down
}

// activation kills a server while a phone proves its token.
func (k *trial) activation(ctx context.Context) (outcome, error) {
	u, err := k.equipped(ctx)
	if err != nil {
		return "", err
	}
	first, err := u.proof()
	if err != nil {
		return "", err
	}
	var answer error
	if err := k.kill(ctx, func() { answer = u.proves(ctx, first) }); err != nil {
		return "", err
	}
	k.heard = answer == nil
	e, err := u.entry(ctx)
	switch {
	case err != nil:
		return "", err
	case e.EPS == "active" && e.AuthServer == "active":
		return all, u.staysActive(ctx, first)
	case k.heard:
		return "", violated("an acknowledged activation is forgotten: the token is %s at the EPS and %s at the authentication server", e.EPS, e.AuthServer)
	case e.EPS != "provisioned" || e.AuthServer != "inactive":
		return "", violated("the sides disagree: a token is %s at the EPS and %s at the authentication server", e.EPS, e.AuthServer)
	}
	return nothing, u.provesAnew(ctx)
}

// proof is the request with the next OTP.
func (u *user) proof() (oracle.Activation, error) {
	otp, err := u.OTP(u.Next)
	u.Next++
	return u.Grant.NewActivation(otp), err
}

// proves sends a request: nil is the granted answer, an oracle.Refusal random bytes.
func (u *user) proves(ctx context.Context, a oracle.Activation) error {
	body := a.Body()
	answer, err := u.target.(conformance.DividedActivator).Activate(ctx, "", body)
	if err == nil && !a.Activated(body, answer.Body) {
		err = oracle.BadShape
	}
	return err
}

// staysActive judges a token that is active on both sides: the try that did it is told so
// again, its OTP is used up, and the next one counts.
func (u *user) staysActive(ctx context.Context, by oracle.Activation) error {
	u.stands(u.Token, "active", "active")
	if err := u.proves(ctx, by); err != nil {
		return violated("the request that has activated a token gets another answer: %v", err)
	}
	accepted, err := u.submit(ctx, by.OTP)
	switch {
	case err != nil:
		return violated("an OTP has no answer after the restart: %v", err)
	case accepted:
		return violated("an OTP that has activated is accepted")
	}
	return u.logsIn(ctx)
}

// provesAnew wants a token that is not active to become so.
func (u *user) provesAnew(ctx context.Context) error {
	again, err := u.proof()
	if err != nil {
		return err
	}
	if err := u.proves(ctx, again); err != nil {
		return violated("after the restart the next OTP does not activate: %v", err)
	}
	return u.staysActive(ctx, again)
}

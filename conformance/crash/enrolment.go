package crash

import (
	"context"
	"errors"
	"net/http"

	"github.com/epsbench/epsbench/conformance"
)

// enrolment kills a server while the bank enrols a user.
func (k *trial) enrolment(ctx context.Context) (outcome, error) {
	u := k.newUser()
	var answer error
	if err := k.kill(ctx, func() { answer = u.enrol(ctx) }); err != nil {
		return "", err
	}
	if k.heard = answer == nil; k.heard {
		return all, u.keptIssued(ctx)
	}
	return u.leftover(ctx)
}

// keptIssued judges an enrolment that was acknowledged.
func (u *user) keptIssued(ctx context.Context) error {
	e, err := u.entry(ctx)
	if err != nil {
		return err
	}
	if e.Token != u.Token || e.EPS != "issued" {
		return violated("an acknowledged enrolment is %s", e.EPS)
	}
	return u.usable(ctx)
}

// leftover judges an enrolment that was not.
func (u *user) leftover(ctx context.Context) (outcome, error) {
	own, err := u.entries(ctx)
	if err != nil {
		return "", err
	}
	live := ""
	for _, e := range own {
		switch {
		case e.EPS == "cancelled":
		case e.EPS == "issued" && live == "":
			live = e.Token
		default:
			return "", violated("an enrolment that nobody was told of is %s", e.EPS)
		}
	}
	if live == "" {
		return nothing, u.anew(ctx)
	}
	if err := u.enrol(ctx); !hasStatus(err, http.StatusConflict) {
		return "", violated("the enrolment of a user whose token is issued is not refused as a conflict: %v", err)
	}
	return all, u.replaced(ctx, live)
}

func hasStatus(err error, status int) bool {
	var r *conformance.Refused
	return errors.As(err, &r) && r.Status == status
}

// cancellation kills the EPS while it enrols a user, and then a server while the rest of that
// is cancelled.
func (k *trial) cancellation(ctx context.Context) (outcome, error) {
	u := k.newUser()
	first := conformance.FaultPoint{Operation: conformance.DuringEnrolment, Server: "eps", Name: k.point.First}
	if err := k.target.Arm(ctx, first); err != nil {
		return "", err
	}
	if err := u.enrol(ctx); err == nil {
		return "", violated("an enrolment is acknowledged by a server that was killed at %q", first)
	}
	if err := k.dead(ctx); err != nil {
		return "", err
	}
	if err := k.again(ctx); err != nil {
		return "", err
	}
	return u.leftover(ctx)
}

// again starts the EPS, and kills a server while messages are sent that wait.
func (k *trial) again(ctx context.Context) error {
	var fromStart *conformance.FaultPoint
	if k.point.Server == "eps" {
		fromStart = &k.point
	}
	if err := k.revive(ctx, fromStart); err != nil {
		return err
	}
	if fromStart == nil {
		if err := k.target.Arm(ctx, k.point); err != nil {
			return err
		}
	}
	_ = k.target.Settle(ctx) // which the kill cuts off
	if err := k.dead(ctx); err != nil {
		return err
	}
	return k.recover(ctx)
}

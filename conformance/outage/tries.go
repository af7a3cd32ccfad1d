package outage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// attempts are the calls that are made while the part is away, and what each leaves.
func (d *drill) attempts() []*attempt {
	c := d.people
	eps, auth := d.server != "authserver", d.server != "eps" // whose part is away
	answered := func(conformance.Answer) error { return nil }
	calls := []*attempt{
		{name: "enrolment", needs: true, make: func(ctx context.Context) (conformance.Answer, error) {
			return d.post(ctx, "bank", "/v1/tokens", map[string]string{"service": c.coming.Service, "user": c.coming.Name})
		}, done: c.coming.read},
		{name: "status", make: func(ctx context.Context) (conformance.Answer, error) {
			return d.exchange(ctx, "bank", http.MethodGet, "/v1/tokens/"+c.holder.Token, nil)
		}, done: answered},
		{name: "audit", make: func(ctx context.Context) (conformance.Answer, error) {
			return d.exchange(ctx, "bank", http.MethodGet, "/v1/audit", nil)
		}, done: answered},
		{name: "health", needs: eps, make: func(ctx context.Context) (conformance.Answer, error) {
			return d.exchange(ctx, "bank", http.MethodGet, "/v1/health", nil)
		}, done: answered},
		{name: "revocation", needs: eps, make: func(ctx context.Context) (conformance.Answer, error) {
			return d.exchange(ctx, "bank", http.MethodPost, "/v1/tokens/"+c.leaving.Token+"/revoke", nil)
		}, done: func(conformance.Answer) error { c.leaving.stands("revoked", "revoked"); return nil }},
		{name: "reissue", needs: eps, make: func(ctx context.Context) (conformance.Answer, error) {
			return d.exchange(ctx, "bank", http.MethodPost, "/v1/tokens/"+c.lacking.Token+"/reissue", nil)
		}, done: c.lacking.replaced},
		{name: "validation", needs: auth, make: func(ctx context.Context) (conformance.Answer, error) {
			return d.submit(ctx, c.holder, c.holder.due())
		}, done: c.holder.judged},
		// No less than of the right one: a failure that cannot be written may not be told.
		{name: "validation of a wrong OTP", needs: auth, make: func(ctx context.Context) (conformance.Answer, error) {
			return d.submit(ctx, c.erring, c.erring.wrong())
		}, done: c.erring.judged},
	}
	for _, a := range calls {
		a.refusal = document
	}
	return append(calls, d.phone(eps))
}

// phone asks for a token. Its refusal is to look like every answer.
func (d *drill) phone(needs bool) *attempt {
	var granted oracle.Grant
	a := &attempt{name: "provisioning", needs: needs}
	a.make = func(ctx context.Context) (conformance.Answer, error) {
		return d.target.Provision(ctx, "", d.session.Body)
	}
	a.grants = func(answer conformance.Answer) bool {
		var err error
		granted, err = d.session.Open(answer.Body, time.Now())
		return err == nil
	}
	a.done = func(conformance.Answer) error { return d.people.waiting.has(granted) }
	a.refusal = func(answer conformance.Answer) error {
		if answer.Status != ok || len(answer.Body) != d.size {
			return fmt.Errorf("a phone is answered with status %d and %d bytes, where every answer has 200 and %d", answer.Status, len(answer.Body), d.size)
		}
		return nil
	}
	return a
}

func (s *site) submit(ctx context.Context, p *user, otp string) (conformance.Answer, error) {
	return s.post(ctx, "auth", "/v1/validate", map[string]string{"service": p.Service, "user": p.Name, "otp": otp})
}

// due is the OTP that is accepted next.
func (u *user) due() string {
	otp, err := u.Grant.OTP(u.PIN, u.Next)
	if err != nil {
		return ""
	}
	return otp
}

// read takes a token from the answer to an enrolment.
func (u *user) read(a conformance.Answer) error {
	var e struct {
		Token string
		PIN   string
		Code  string `json:"registration_code"`
	}
	if err := json.Unmarshal(a.Body, &e); err != nil || e.PIN == "" || e.Code == "" {
		return errors.New("an enrolment is acknowledged without PIN or code")
	}
	u.Enrolled = conformance.Enrolled{Token: e.Token, PIN: e.PIN, RegistrationCode: e.Code}
	u.stands("issued", "active")
	return nil
}

// replaced takes the new code from the answer to a reissue.
func (u *user) replaced(a conformance.Answer) error {
	var e struct {
		Code string `json:"registration_code"`
	}
	if err := json.Unmarshal(a.Body, &e); err != nil || e.Code == "" {
		return errors.New("a reissue is acknowledged without a code")
	}
	u.RegistrationCode = e.Code
	return nil
}

// judged notes what the authentication server has said to an OTP.
func (u *user) judged(a conformance.Answer) error {
	var v struct{ Accepted bool }
	if err := json.Unmarshal(a.Body, &v); err != nil {
		return err
	}
	if v.Accepted {
		u.Next++
	} else {
		u.failed++
	}
	return nil
}

// holds wants the OTP accepted that got no answer, the one before it refused, and the next
// accepted.
func (d *drill) holds(ctx context.Context) error {
	p := d.people.holder
	if p.failed > 0 {
		return errors.New("the OTP that was due was refused")
	}
	if err := p.logsIn(ctx); err != nil {
		return err
	}
	again, err := p.accepted(ctx, p.Next-1)
	if err != nil {
		return err
	}
	if again {
		return errors.New("an OTP is accepted twice")
	}
	return p.logsIn(ctx)
}

// forgiven wants no failure of a user counted who was not told of it: as many wrong OTPs
// as do not lock yet, and then the right one.
func (d *drill) forgiven(ctx context.Context) error {
	p := d.people.erring
	if err := p.errs(ctx, d.target.Declared().LockAfter-1-p.failed); err != nil {
		return err
	}
	if err := p.logsIn(ctx); err != nil {
		return fmt.Errorf("a failure was counted while the part was away: %w", err)
	}
	return nil
}

// unsure: where the part was not away for good, a call may have been carried out and yet
// have been answered too late. A second try finds that.
func (d *drill) unsure() bool { return d.course != lasts }

// leaves revokes a token that is not revoked yet; its OTPs are refused.
func (d *drill) leaves(ctx context.Context) error {
	p := d.people.leaving
	state, err := d.target.Status(ctx, p.Token)
	if err != nil {
		return err
	}
	if state == "revoked" && d.unsure() {
		p.stands("revoked", "revoked")
	}
	if d.ledger[p.Token].EPS != "revoked" {
		if err := p.logsIn(ctx); err != nil {
			return fmt.Errorf("a token whose revocation was refused: %w", err)
		}
		if err := d.target.Change(ctx, p.Token, "revoke"); err != nil {
			return err
		}
		p.stands("revoked", "revoked")
	}
	if accepted, err := p.accepted(ctx, p.Next); err != nil || accepted {
		return errors.Join(err, fmt.Errorf("an OTP of a revoked token is accepted: %t", accepted))
	}
	return nil
}

// opens has a code opened that did not open.
func (d *drill) opens(ctx context.Context) error {
	p := d.people.waiting
	if d.ledger[p.Token].EPS == "issued" {
		if d.unsure() {
			return (&newcomers{site: d.site, last: p, at: provisioning}).settle(ctx)
		}
		if err := p.provision(ctx); err != nil {
			return err
		}
	}
	return p.logsIn(ctx)
}

// replaces has the newest code opened that was acknowledged.
func (d *drill) replaces(ctx context.Context) error {
	p := d.people.lacking
	err := p.provision(ctx)
	if err != nil && d.unsure() {
		if p.RegistrationCode, err = d.target.Reissue(ctx, p.Token); err == nil {
			err = p.provision(ctx)
		}
	}
	if err != nil {
		return err
	}
	return p.logsIn(ctx)
}

// comes gives a token to whom it was refused, and has it used.
func (d *drill) comes(ctx context.Context) error {
	p := d.people.coming
	if p.Token == "" {
		if err := p.enrol(ctx); err != nil {
			return fmt.Errorf("the user cannot be enrolled anew: %w", err)
		}
	}
	if err := p.provision(ctx); err != nil {
		return err
	}
	return p.logsIn(ctx)
}

package crash

import (
	"context"
	"net/http"
	"sync"

	"github.com/epsbench/epsbench/conformance/oracle"
)

// provisioning kills a server while a phone gets its token.
func (k *trial) provisioning(ctx context.Context) (outcome, error) {
	u := k.newUser()
	if err := u.enrol(ctx); err != nil {
		return "", violated("a new user is not enrolled: %v", err)
	}
	s, err := u.Request(u.RegistrationCode)
	if err != nil {
		return "", err
	}
	var grant oracle.Grant
	var answer error
	if err := k.kill(ctx, func() { grant, answer = u.post(ctx, s) }); err != nil {
		return "", err
	}
	if k.heard = answer == nil; k.heard {
		return all, u.keptDelivered(ctx, s, grant)
	}
	return u.undelivered(ctx)
}

// keptDelivered judges a delivery that was acknowledged by request s.
func (u *user) keptDelivered(ctx context.Context, s *oracle.Session, g oracle.Grant) error {
	if err := u.has(g); err != nil {
		return err
	}
	if err := u.consumed(ctx, s); err != nil {
		return err
	}
	return u.logsIn(ctx)
}

// consumed wants the code refused, to the same request (if there is one) and to another, and one delivery in the audit.
func (u *user) consumed(ctx context.Context, again *oracle.Session) error {
	fresh, err := u.Request(u.RegistrationCode)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	answers := make([]error, 2)
	for i, s := range []*oracle.Session{fresh, again} {
		if s == nil {
			continue
		}
		wg.Go(func() { _, answers[i] = u.post(ctx, s) })
	}
	wg.Wait()
	for i, err := range answers {
		if i == 1 && again == nil {
			continue
		}
		if err == nil {
			return violated("a token is delivered twice")
		}
		if !isRefusal(err) {
			return violated("a used code has no answer: %v", err)
		}
	}
	return u.recorded(ctx, "provisioned", 1)
}

// recorded wants an event in the audit of the token, so many times.
func (u *user) recorded(ctx context.Context, event string, want int) error {
	records, err := u.target.Audit(ctx, u.Token)
	if err != nil {
		return violated("the audit cannot be read: %v", err)
	}
	n := 0
	for _, r := range records {
		if r.Event == event {
			n++
		}
	}
	if n != want {
		return violated("the audit has %d records %q of a token, not %d", n, event, want)
	}
	return nil
}

// undelivered judges a delivery of which the phone has seen nothing.
func (u *user) undelivered(ctx context.Context) (outcome, error) {
	err := u.provision(ctx)
	switch {
	case err == nil:
		if err := u.consumed(ctx, nil); err != nil {
			return "", err
		}
		return nothing, u.logsIn(ctx)
	case !isRefusal(err):
		return "", violated("a code has no answer after the restart: %v", err)
	}
	e, err := u.entry(ctx)
	if err != nil {
		return "", err
	}
	if e.EPS != "provisioned" {
		return "", violated("the code of a token that is %s is refused", e.EPS)
	}
	if err := u.recorded(ctx, "provisioned", 1); err != nil {
		return "", err
	}
	u.stands(u.Token, "provisioned", "active")
	// The rules reissue a code only of a token that was never delivered.
	if _, err := u.target.Reissue(ctx, u.Token); !hasStatus(err, http.StatusConflict) {
		return "", violated("a code for a token that was delivered is not refused as a conflict: %v", err)
	}
	return all, u.replaced(ctx, u.Token)
}

// wrongCode kills a server while it counts the last wrong code but one that a code bears,
// or rather the last: what was acknowledged before must count after.
func (k *trial) wrongCode(ctx context.Context) (outcome, error) {
	u := k.newUser()
	if err := u.enrol(ctx); err != nil {
		return "", violated("a new user is not enrolled: %v", err)
	}
	tries := k.target.Declared().CodeTries
	for range tries - 1 {
		if err := u.mistypes(ctx); !isRefusal(err) {
			return "", violated("a wrong code is not refused: %v", err)
		}
	}
	var answer error
	if err := k.kill(ctx, func() { answer = u.mistypes(ctx) }); err != nil {
		return "", err
	}
	if k.heard = isRefusal(answer); k.heard {
		return all, u.codeIsDead(ctx, tries)
	}
	n, err := u.failures(ctx)
	switch {
	case err != nil:
		return "", err
	case n == tries:
		return all, u.codeIsDead(ctx, tries)
	case n != tries-1:
		return "", violated("%d of %d wrong codes are counted", n, tries-1)
	}
	if err := u.mistypes(ctx); !isRefusal(err) {
		return "", violated("a wrong code is not refused: %v", err)
	}
	return nothing, u.codeIsDead(ctx, tries)
}

// mistypes has the phone send a wrong code behind the right locator.
func (u *user) mistypes(ctx context.Context) error {
	wrong := []byte(u.RegistrationCode)
	last := &wrong[len(wrong)-1]
	*last = '0' + (*last-'0'+1)%10
	s, err := u.Request(string(wrong))
	if err != nil {
		return err
	}
	_, err = u.post(ctx, s)
	return err
}

// failures is how many refusals the audit has of the token.
func (u *user) failures(ctx context.Context) (int, error) {
	records, err := u.target.Audit(ctx, u.Token)
	if err != nil {
		return 0, violated("the audit cannot be read: %v", err)
	}
	n := 0
	for _, r := range records {
		if r.Event == "refused" {
			n++
		}
	}
	return n, nil
}

// codeIsDead wants the right code refused after so many failures.
func (u *user) codeIsDead(ctx context.Context, failures int) error {
	err := u.provision(ctx)
	switch {
	case err == nil:
		return violated("after %d wrong codes the right one opens: a failure was forgotten", failures)
	case !isRefusal(err):
		return violated("the right code behind a dead locator has no answer: %v", err)
	}
	return nil
}

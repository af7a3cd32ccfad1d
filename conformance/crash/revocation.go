package crash

import "context"

// revocation kills a server while the bank revokes a token.
func (k *trial) revocation(ctx context.Context) (outcome, error) {
	u, err := k.equipped(ctx)
	if err != nil {
		return "", err
	}
	var answer error
	if err := k.kill(ctx, func() { answer = u.target.Change(ctx, u.Token, "revoke") }); err != nil {
		return "", err
	}
	k.heard = answer == nil
	e, err := u.entry(ctx)
	if err != nil {
		return "", err
	}
	if e.EPS == "revoked" {
		return all, u.isRevoked(ctx)
	}
	if k.heard {
		return "", violated("a revocation was acknowledged and is forgotten: the token is %s", e.EPS)
	}
	if err := u.logsIn(ctx); err != nil {
		return "", err
	}
	if err := u.target.Change(ctx, u.Token, "revoke"); err != nil {
		return "", violated("the token cannot be revoked any more: %v", err)
	}
	return nothing, u.isRevoked(ctx)
}

// isRevoked wants the next OTP refused.
func (u *user) isRevoked(ctx context.Context) error {
	u.stands(u.Token, "revoked", "revoked")
	accepted, err := u.accepted(ctx, u.Next)
	switch {
	case err != nil:
		return violated("the OTP of a revoked token has no answer: %v", err)
	case accepted:
		return violated("the OTP of a revoked token is accepted")
	}
	return nil
}

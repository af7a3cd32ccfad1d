package crash

import "context"

// validation kills the server while it judges a right OTP.
func (k *trial) validation(ctx context.Context) (outcome, error) {
	u, err := k.equipped(ctx)
	if err != nil {
		return "", err
	}
	otp, err := u.OTP(u.Next)
	if err != nil {
		return "", err
	}
	u.Next++
	var accepted bool
	var answer error
	if err := k.kill(ctx, func() { accepted, answer = u.submit(ctx, otp) }); err != nil {
		return "", err
	}
	if k.heard = answer == nil; k.heard && !accepted {
		return "", violated("a right OTP is refused while the server is killed")
	}
	again, err := u.submit(ctx, otp)
	if err != nil {
		return "", violated("an OTP has no answer after the restart: %v", err)
	}
	o := all
	if again {
		o = nothing
		if k.heard {
			return "", violated("an OTP is accepted twice")
		}
		third, err := u.submit(ctx, otp)
		if err != nil {
			return "", violated("an OTP has no answer after the restart: %v", err)
		}
		if third {
			return "", violated("an OTP is accepted twice after the restart")
		}
	}
	return o, u.logsIn(ctx)
}

// wrongOTP kills the server while it counts the failure that locks a token.
func (k *trial) wrongOTP(ctx context.Context) (outcome, error) {
	u, err := k.equipped(ctx)
	if err != nil {
		return "", err
	}
	for range k.target.Declared().LockAfter - 1 {
		if err := u.guessesInVain(ctx); err != nil {
			return "", err
		}
	}
	var answer error
	if err := k.kill(ctx, func() { _, answer = u.guesses(ctx) }); err != nil {
		return "", err
	}
	k.heard = answer == nil
	e, err := u.entry(ctx)
	if err != nil {
		return "", err
	}
	if e.AuthServer == "locked" {
		return all, u.staysLocked(ctx)
	}
	if k.heard {
		return "", violated("the failure that locks a token was acknowledged and is forgotten")
	}
	if err := u.guessesInVain(ctx); err != nil {
		return "", err
	}
	return nothing, u.staysLocked(ctx)
}

// staysLocked wants the right OTP refused.
func (u *user) staysLocked(ctx context.Context) error {
	u.stands(u.Token, "provisioned", "locked")
	accepted, err := u.accepted(ctx, u.Next)
	switch {
	case err != nil:
		return violated("the right OTP of a locked token has no answer: %v", err)
	case accepted:
		return violated("after %d wrong OTPs the right one is accepted: a failure was forgotten", u.target.Declared().LockAfter)
	}
	return nil
}

// guessesInVain wants a wrong OTP refused.
func (u *user) guessesInVain(ctx context.Context) error {
	accepted, err := u.guesses(ctx)
	switch {
	case err != nil:
		return violated("a wrong OTP has no answer: %v", err)
	case accepted:
		return violated("a wrong OTP is accepted")
	}
	return nil
}

// guesses submits an OTP of no counter near.
func (u *user) guesses(ctx context.Context) (bool, error) {
	otps, err := u.Wrong(1)
	if err != nil {
		return false, err
	}
	return u.submit(ctx, otps[0])
}

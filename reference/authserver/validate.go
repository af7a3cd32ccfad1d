package authserver

import (
	"context"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// Validate says whether otp is the user's next one, and makes sure that it never is
// again. Wrong, repeated, locked, suspended and unknown are all false. A wrong
// one is counted, durably, before Validate returns, also when ctx ends meanwhile.
// A text that cannot be an OTP of the suite is refused without being counted: it was
// compared with nothing. The error is reference.ErrUnavailable or an inner one;
// then nothing was judged.
func (s *Server) Validate(ctx context.Context, service reference.Service, user reference.User, otp string) (bool, error) {
	return s.attempt(ctx, service, user, trial{otps: []string{otp}, inUse: s.policy.InUse, window: s.policy.Window})
}

// Resynchronise says whether otps, two or three, are ones in a row of the user's HOTP
// token that lie not too far ahead, and goes on behind them if they are (RFC 4226 §7.4).
// It refuses, counts and locks as Validate does.
func (s *Server) Resynchronise(ctx context.Context, service reference.Service, user reference.User, otps []string) (bool, error) {
	return s.attempt(ctx, service, user, trial{
		otps: otps, inUse: s.policy.InUse,
		window: func(suite oath.Suite, c store.Credential, _ time.Time) (uint64, int) {
			return s.policy.Resynchronisation(suite, c, len(otps))
		},
	})
}

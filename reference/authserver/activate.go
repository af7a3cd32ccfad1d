package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/store"
)

// activate judges the OTP of a token that waits for activation. Counts, lock and used OTP
// are those of a validation; they are committed together with the message's result, so that
// the same message again is neither a second try nor a second use.
func (s *Server) activate(ctx context.Context, m plugin.Message, digest [sha256.Size]byte) (plugin.Result, error) {
	a, err := m.Attempt()
	if err != nil {
		return "", err
	}
	row, release, err := s.inTurn(ctx, m.Token)
	if errors.Is(err, reference.ErrNotFound) {
		return s.concluded(ctx, m, digest, row, judgement{})
	}
	if err != nil {
		return "", fmt.Errorf("activate: %w", err)
	}
	defer release()
	j, err := s.judge(ctx, row, trial{otps: []string{a.OTP}, inUse: s.policy.Activates, window: s.policy.Window})
	if unbelievable(err) {
		s.log.ErrorContext(ctx, "row not believed", "event", "tampered", "token", row.Token, "err", err)
		return s.concluded(ctx, m, digest, row, judgement{})
	}
	if err != nil {
		return "", fmt.Errorf("activate token %s: %w", m.Token, err)
	}
	return s.concluded(ctx, m, digest, row, j)
}

// concluded commits a judgement and the result that the message has for ever.
func (s *Server) concluded(ctx context.Context, m plugin.Message, digest [sha256.Size]byte, row store.Credential, j judgement) (plugin.Result, error) {
	result := plugin.Refused
	if j.accepted {
		result = plugin.Done
	}
	remember := func(tx store.AuthTx) error { return tx.InsertMessage(s.message(m, digest, result)) }
	if !j.counts {
		s.log.WarnContext(ctx, "plug-in message refused", "event", "refused", "op", m.Op, "token", m.Token)
		return result, s.store.Update(ctx, remember)
	}
	return result, s.commit(ctx, row, j.next, remember)
}

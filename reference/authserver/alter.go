package authserver

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// edit makes a row's next state from a genuine one, or says why not.
type edit func(c store.Credential) (store.Credential, error)

// alter edits the row of a token and commits it together with what also writes. An
// edit that changes nothing leaves the row alone. reference.ErrConflict asks the
// caller to try again: the row has changed meanwhile.
func (s *Server) alter(ctx context.Context, token reference.TokenID, e edit, also func(store.AuthTx) error) (store.Credential, error) {
	row, release, err := s.inTurn(ctx, token)
	if err != nil {
		return store.Credential{}, err
	}
	defer release()
	next, changed, err := s.edited(ctx, row, e)
	if err != nil {
		return store.Credential{}, err
	}
	err = s.store.Update(ctx, func(tx store.AuthTx) error {
		if changed {
			if err := tx.UpdateCredential(next); err != nil {
				return err
			}
		}
		return also(tx)
	})
	if err != nil {
		return store.Credential{}, fmt.Errorf("row of token %s: %w", token, err)
	}
	s.written(ctx, row, next)
	return next, nil
}

// inTurn reads the row of a token once it is its user's turn.
func (s *Server) inTurn(ctx context.Context, token reference.TokenID) (row store.Credential, release func(), err error) {
	before, err := s.credential(ctx, token)
	if err != nil {
		return store.Credential{}, nil, err
	}
	release, err = s.turns.take(ctx, turnOf(before.Service, before.User))
	if err != nil {
		return store.Credential{}, nil, fmt.Errorf("%w: %w", reference.ErrUnavailable, err)
	}
	if row, err = s.credential(ctx, token); err != nil {
		release()
		return store.Credential{}, nil, err
	}
	return row, release, nil
}

func (s *Server) credential(ctx context.Context, token reference.TokenID) (c store.Credential, err error) {
	err = s.store.View(ctx, func(tx store.AuthReader) error {
		c, err = tx.Credential(token)
		return err
	})
	return c, err
}

// edited checks row and gives what e makes of it, as the next version if it differs.
func (s *Server) edited(ctx context.Context, row store.Credential, e edit) (next store.Credential, changed bool, err error) {
	err = s.hsm.Do(ctx, func(session *hsm.Session) error {
		if err := s.genuine(ctx, session, &row); err != nil {
			return err
		}
		if next, err = e(row); err != nil {
			return err
		}
		if changed = differ(row, next); changed {
			next, err = s.next(ctx, session, next)
		}
		return err
	})
	return next, changed, err
}

// differ compares what an edit may change.
func differ(a, b store.Credential) bool {
	return a.State != b.State || a.Failures != b.Failures || a.FailedEver != b.FailedEver || a.Candidates != b.Candidates
}

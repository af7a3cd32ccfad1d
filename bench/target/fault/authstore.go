package fault

import (
	"context"

	"github.com/epsbench/epsbench/reference/store"
)

// Changes of the authentication server's store, by what they write.
const (
	rowMade   = "row made"
	tombstone = "tombstone laid"
	otpUsed   = "OTP used"
	failure   = "failure counted"
	rowEnded  = "row ended"
)

// authStore has the points of the authentication server's changes.
type authStore struct {
	store.AuthServer
	plan *Plan
}

func (s authStore) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	var change string
	err := s.AuthServer.Update(ctx, func(tx store.AuthTx) error {
		w := &authWrites{AuthTx: tx}
		err := fn(w)
		if change = w.change; err == nil && change != "" {
			s.plan.reach(change + beforeCommit)
		}
		return err
	})
	if err == nil && change != "" {
		s.plan.reach(change + afterCommit)
	}
	return err
}

// authWrites notes what a change is.
type authWrites struct {
	store.AuthTx
	change string
}

func (w *authWrites) InsertCredential(c store.Credential) error {
	w.change = rowMade
	if len(c.Blob) == 0 {
		w.change = tombstone
	}
	return w.AuthTx.InsertCredential(c)
}

func (w *authWrites) UpdateCredential(c store.Credential) error {
	old, err := w.Credential(c.Token)
	if err != nil {
		return err
	}
	switch {
	case len(c.Blob) == 0:
		w.change = rowEnded
	case c.Counter != old.Counter:
		w.change = otpUsed
	case c.FailedEver != old.FailedEver:
		w.change = failure
	}
	return w.AuthTx.UpdateCredential(c)
}

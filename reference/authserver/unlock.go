package authserver

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// unlockValidity is how long an unlock request waits for the second operator.
const unlockValidity = 15 * time.Minute

// ErrSameOperator: whoever asked for an unlock cannot confirm it.
var ErrSameOperator = errors.New("another operator must confirm")

// Unlock is a request to clear a token's counts, by one operator, for another to confirm.
type Unlock struct {
	ID       string
	Token    reference.TokenID
	Operator string
	Expires  time.Time
	version  uint64 // of the row that the request is about
}

// RequestUnlock asks, in an operator's name, for the counts of a token to be cleared
// and its lock with them. It changes nothing by itself. The request holds for the row
// as it is now; it is kept under a MAC, so that none can be made in the database.
func (s *Server) RequestUnlock(ctx context.Context, token reference.TokenID, operator string) (Unlock, error) {
	row, err := s.credential(ctx, token)
	if err != nil {
		return Unlock{}, fmt.Errorf("unlock token %s: %w", token, err)
	}
	if slices.Contains(gone, row.State) {
		return Unlock{}, fmt.Errorf("unlock token %s: it is %s: %w", token, row.State, reference.ErrConflict)
	}
	id, err := s.newID()
	if err != nil {
		return Unlock{}, err
	}
	u := Unlock{ID: id, Token: token, Operator: operator, Expires: s.now().Add(unlockValidity), version: row.Version}
	if err := s.keep(ctx, u); err != nil {
		return Unlock{}, fmt.Errorf("unlock token %s: %w", token, err)
	}
	s.log.InfoContext(ctx, "unlock requested", "event", "unlock-requested", "token", token, "unlock", id, "actor", operator)
	return u, nil
}

// ConfirmUnlock carries an unlock out in the name of a second operator, once.
// Errors: reference.ErrNotFound for an unknown or expired request, ErrSameOperator,
// reference.ErrConflict if the token has changed since or the request was confirmed.
func (s *Server) ConfirmUnlock(ctx context.Context, id, operator string) (store.Credential, error) {
	u, err := s.kept(ctx, id)
	if err != nil {
		return store.Credential{}, fmt.Errorf("confirm unlock: %w", err)
	}
	if u.Operator == operator {
		return store.Credential{}, fmt.Errorf("confirm unlock: %w", ErrSameOperator)
	}
	row, err := s.alter(ctx, u.Token, s.cleared(u), func(tx store.AuthTx) error {
		return tx.InsertMessage(store.Message{Key: unlockKey(id) + "/confirmed", Digest: []byte{}, Result: operator, At: s.now()})
	})
	if errors.Is(err, reference.ErrExists) {
		err = fmt.Errorf("confirmed before: %w", reference.ErrConflict)
	}
	if err != nil {
		return store.Credential{}, fmt.Errorf("confirm unlock: %w", err)
	}
	s.log.InfoContext(ctx, "counts cleared", "event", "unlocked", "token", u.Token, "unlock", id, "actor", operator, "requested_by", u.Operator)
	return row, nil
}

// cleared is the edit of an unlock.
func (s *Server) cleared(u Unlock) edit {
	return func(c store.Credential) (store.Credential, error) {
		if c.Version != u.version || slices.Contains(gone, c.State) {
			return c, fmt.Errorf("token has changed since: %w", reference.ErrConflict)
		}
		c.Failures, c.FailedEver, c.Candidates = 0, 0, 0
		return s.moved(c, unlocked)
	}
}

// request is what the database keeps of an Unlock beside its id, time and MAC.
type request struct {
	Token    reference.TokenID `json:"token"`
	Operator string            `json:"operator"`
	Version  uint64            `json:"version"`
}

func unlockKey(id string) string { return "unlock/" + id }

func (s *Server) keep(ctx context.Context, u Unlock) error {
	text, err := json.Marshal(request{u.Token, u.Operator, u.version})
	if err != nil {
		return err
	}
	mac, err := s.unlockMAC(ctx, u)
	if err != nil {
		return err
	}
	m := store.Message{Key: unlockKey(u.ID), Digest: mac, Result: string(text), At: u.Expires}
	return s.store.Update(ctx, func(tx store.AuthTx) error { return tx.InsertMessage(m) })
}

// kept reads a request that was made here and has not expired.
func (s *Server) kept(ctx context.Context, id string) (Unlock, error) {
	var m store.Message
	err := s.store.View(ctx, func(tx store.AuthReader) (err error) {
		m, err = tx.Message(unlockKey(id))
		return err
	})
	if err != nil {
		return Unlock{}, err
	}
	var r request
	if err := json.Unmarshal([]byte(m.Result), &r); err != nil {
		return Unlock{}, fmt.Errorf("request %s: %w", id, errTampered)
	}
	u := Unlock{ID: id, Token: r.Token, Operator: r.Operator, Expires: m.At, version: r.Version}
	mac, err := s.unlockMAC(ctx, u)
	switch {
	case err != nil:
		return Unlock{}, err
	case !hmac.Equal(mac, m.Digest):
		s.log.ErrorContext(ctx, "unlock request not believed", "event", "tampered", "unlock", id)
		return Unlock{}, fmt.Errorf("request %s: %w", id, errTampered)
	case s.now().After(u.Expires):
		return Unlock{}, fmt.Errorf("request %s has expired: %w", id, reference.ErrNotFound)
	}
	return u, nil
}

func (s *Server) unlockMAC(ctx context.Context, u Unlock) (mac []byte, err error) {
	data, err := encoding.Marshal([]any{"epsbench unlock 1", u.ID, u.Token, u.Operator, u.Expires.UnixMilli(), u.version})
	if err != nil {
		return nil, err
	}
	err = s.hsm.Do(ctx, func(session *hsm.Session) error {
		mac, err = s.mac(ctx, session, data)
		return err
	})
	return mac, err
}

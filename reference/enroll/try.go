package enroll

import (
	"context"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/store"
)

// tryOut begins the try, has it judged and concludes it.
func (s *Service) tryOut(ctx context.Context, h hearing) (active bool, err error) {
	err = s.beginTry(ctx, h)
	if errors.Is(err, reference.ErrConflict) {
		return s.repeat(ctx, h) // perhaps it was the same try that came first
	}
	if err != nil {
		return false, fmt.Errorf("activate token %s: %w", h.Token, err)
	}
	judged, cancel := context.WithTimeout(ctx, s.config.CreateTimeout)
	defer cancel()
	verdict := s.parts.AuthServer.Activate(judged, h.try.Name, h.Token, plugin.Attempt{OTP: h.OTP, Blind: h.try.Blind})
	if verdict == nil || errors.Is(verdict, reference.ErrRefused) {
		return s.conclude(ctx, h.Token, h.try.Name, "phone", verdict)
	}
	return false, errors.Join(fmt.Errorf("activate token %s: %w: %w", h.Token, reference.ErrUnavailable, verdict), s.unanswered(ctx, s.entry(h)))
}

func (s *Service) entry(h hearing) store.OutboxEntry {
	return store.OutboxEntry{
		Key: h.try.Name, Op: opActivate, Token: h.Token, AuthServer: h.row.Token.AuthServer, Created: s.parts.Clock.Now(),
	}
}

// beginTry counts the try and leaves word that it is to be settled.
func (s *Service) beginTry(ctx context.Context, h hearing) error {
	return s.parts.Store.Update(ctx, func(tx store.Tx) error {
		t, err := tx.Token(h.Token)
		if err != nil {
			return err
		}
		if t.State != reference.Provisioned {
			return fmt.Errorf("a token that is %s: %w", t.State, reference.ErrConflict)
		}
		if err := tx.TryTicket(h.Token, s.config.ActivationTries, s.parts.Clock.Now()); err != nil {
			return err
		}
		if err := tx.PutOutbox(s.entry(h)); err != nil {
			return err
		}
		t.RowVersion, t.Updated = 0, s.parts.Clock.Now() // the row is as it was
		return audit(tx, t, "activating", "phone", map[string]any{"source": h.Source})
	})
}

// conclude commits what the authentication server has said of a try, once: the token is
// active, or the try was in vain.
func (s *Service) conclude(ctx context.Context, id reference.TokenID, try, actor string, verdict error) (active bool, err error) {
	if verdict != nil {
		return false, s.parts.Store.Update(ctx, func(tx store.Tx) error {
			t := reference.Token{ID: id, Updated: s.parts.Clock.Now()}
			return errors.Join(tx.DeleteOutbox(try), audit(tx, t, "refused", actor, map[string]any{"cause": causeOTP}))
		})
	}
	err = s.move(ctx, id, reference.Activated, actor, nil, func(tx store.Tx, _ reference.Token) error {
		return errors.Join(tx.SpendTicket(id, try), tx.DeleteOutbox(try))
	})
	if !errors.Is(err, reference.ErrConflict) {
		return err == nil, err
	}
	// Concluded by another caller of the same try, or revoked meanwhile.
	err = s.parts.Store.Update(ctx, func(tx store.Tx) error {
		k, err := tx.Ticket(id)
		active = k.State == reference.TicketSpent && k.Try == try
		return errors.Join(err, tx.DeleteOutbox(try))
	})
	return active, err
}

// unanswered notes that a try has had no answer and is to be settled.
func (s *Service) unanswered(ctx context.Context, e store.OutboxEntry) error {
	if e.Attempts > 0 {
		return nil
	}
	e.Attempts = 1
	return s.parts.Store.Update(ctx, func(tx store.Tx) error { return tx.PutOutbox(e) })
}

// unsettled says whether the try of an entry is to be settled: not while it is under way.
func (s *Service) unsettled(_ context.Context, e store.OutboxEntry) (bool, error) {
	return e.Attempts > 0 || s.parts.Clock.Now().Sub(e.Created) >= abandonAfter || s.lost.has(e.Key), nil
}

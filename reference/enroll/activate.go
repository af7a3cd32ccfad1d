package enroll

import (
	"context"
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// Activation is what a phone hands in to have its token activated. Ticket and OTP are
// secrets of the caller's.
type Activation struct {
	Service reference.Service
	Token   reference.TokenID
	Ticket  []byte
	OTP     string
	Source  string // address, for the audit
	Decoy   bool   // in place of what is no request: it is judged, and leaves no record
}

// hearing is an activation on its way.
type hearing struct {
	Activation
	try reference.Try
	row TicketRow
}

// Activate has the OTP judged by the authentication server where the ticket is good, and
// makes the token active if it is right. The try is counted, and in the outbox, before its
// message leaves: whatever is cut off later is settled by Flush. The same ticket and OTP
// are the same try: again, they get the same answer. An error is one of the EPS's own.
func (s *Service) Activate(ctx context.Context, a Activation) (active bool, err error) {
	h := hearing{Activation: a}
	mac, err := s.recognise(ctx, &h)
	if err != nil {
		return false, fmt.Errorf("activate: %w", err)
	}
	if h.row, err = s.ticketRow(ctx, h, mac); err != nil {
		return false, fmt.Errorf("activate: %w", err)
	}
	if cause := s.broken(h.row); cause != "" {
		return false, s.turnDown(ctx, h, cause)
	}
	if h.row.Again {
		return true, nil
	}
	// Hanging up does not undo a try.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.CreateTimeout+s.config.Patience)
	defer cancel()
	if active, err = s.tryOut(ctx, h); err != nil {
		s.lost.add(h.Token, s.parts.Clock.Now())
	}
	return active, err
}

// recognise computes the keyed hash of the ticket, and the try that ticket and OTP are:
// for every request, whatever is wrong with it.
func (s *Service) recognise(ctx context.Context, h *hearing) (mac []byte, err error) {
	ticket, err := reference.TicketInput(h.Service, h.Token, h.Ticket)
	defer clear(ticket)
	if err != nil {
		return nil, err
	}
	try, err := reference.TryInput(h.Service, h.Token, h.Ticket, h.OTP)
	defer clear(try)
	if err != nil {
		return nil, err
	}
	err = s.parts.HSM.Do(ctx, func(ss *hsm.Session) error {
		key, err := s.parts.Keys.Ticket(ctx)
		if err != nil {
			return fmt.Errorf("TKT: %w", err)
		}
		if mac, err = ss.MAC(key, crypto.SHA256, ticket); err != nil {
			return err
		}
		named, err := ss.MAC(key, crypto.SHA256, try)
		if err == nil {
			h.try = reference.NewTry(h.Token, named)
		}
		return err
	})
	return mac, err
}

// ticketRow reads what there is, with the same queries for every request.
func (s *Service) ticketRow(ctx context.Context, h hearing, mac []byte) (TicketRow, error) {
	var r TicketRow
	err := s.parts.Store.View(ctx, func(tx store.Reader) (err error) {
		r = TicketRow{Now: s.parts.Clock.Now(), Service: h.Service, Tries: s.config.ActivationTries}
		if r.Token, err = tx.Token(h.Token); err != nil && !errors.Is(err, reference.ErrNotFound) {
			return err
		}
		r.Ticket, err = tx.Ticket(h.Token)
		r.Found = err == nil
		if errors.Is(err, reference.ErrNotFound) {
			err = nil
		}
		return err
	})
	r.Match = hmac.Equal(mac, r.Ticket.MAC)
	r.Again = r.Match && r.Ticket.State == reference.TicketSpent && r.Ticket.Try == h.try.Name
	return r, err
}

// broken names the first rule that is broken; empty where none is.
func (s *Service) broken(r TicketRow) string {
	for _, rule := range s.parts.Tickets {
		if rule.Broken(r) {
			return rule.Name
		}
	}
	return ""
}

// turnDown records a refusal: whether there is such a token or not, so that it costs the
// same. The record names a token of the database, and none that the phone made up.
func (s *Service) turnDown(ctx context.Context, h hearing, cause string) error {
	if h.Decoy {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Patience)
	defer cancel()
	return s.parts.Store.Update(ctx, func(tx store.Tx) error {
		t := reference.Token{ID: h.row.Token.ID, Service: h.row.Token.Service, Updated: s.parts.Clock.Now()}
		return audit(tx, t, "refused", "phone", map[string]any{"cause": cause, "source": h.Source})
	})
}

// tryOut begins the try, has it judged and concludes it.
func (s *Service) tryOut(ctx context.Context, h hearing) (active bool, err error) {
	err = s.beginTry(ctx, h)
	if errors.Is(err, reference.ErrConflict) {
		return false, s.turnDown(ctx, h, causeTicketRace)
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
	return e.Attempts > 0 || s.parts.Clock.Now().Sub(e.Created) >= abandonAfter || s.lost.has(e.Token), nil
}

package enroll

import (
	"context"
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
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
// are the same try: again, they get the same answer, until another OTP comes with the
// ticket. An error is one of the EPS's own.
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
		return s.repeat(ctx, h)
	}
	// Hanging up does not undo a try.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.CreateTimeout+s.config.Patience)
	defer cancel()
	if active, err = s.tryOut(ctx, h); err != nil {
		s.lost.add(h.try.Name, s.parts.Clock.Now())
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

// repeat tells the try that has activated the token so again. That is written: where a
// failure cannot be, nothing is told either.
func (s *Service) repeat(ctx context.Context, h hearing) (bool, error) {
	err := s.parts.Store.Update(ctx, func(tx store.Tx) error { return tx.RepeatTry(h.Token, h.try.Name) })
	if errors.Is(err, reference.ErrConflict) {
		return false, s.turnDown(ctx, h, causeTicketRace)
	}
	return err == nil, err
}

// turnDown records a refusal: whether there is such a token or not, so that it costs the
// same. The record names a token of the database, and none that the phone made up. Of a
// spent ticket that comes with another OTP the try is forgotten: whoever has a copy of the
// phone could otherwise try its PINs here, where no failure is counted.
func (s *Service) turnDown(ctx context.Context, h hearing, cause string) error {
	if h.Decoy {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Patience)
	defer cancel()
	return s.parts.Store.Update(ctx, func(tx store.Tx) error {
		t := reference.Token{ID: h.row.Token.ID, Service: h.row.Token.Service, Updated: s.parts.Clock.Now()}
		if h.row.Match {
			if err := tx.ForgetTry(h.Token); err != nil {
				return err
			}
		}
		return audit(tx, t, "refused", "phone", map[string]any{"cause": cause, "source": h.Source})
	})
}

package mpp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// commit is step 8: a delivery consumes the code and moves the token, or it is none.
// A delivery that lost a race turns into a refusal.
func (s *Server) commit(ctx context.Context, a *attempt) error {
	if !a.known {
		s.parts.Rejects.Count(a.source)
		return nil
	}
	if a.cause == "" {
		err := s.parts.Store.Update(ctx, func(tx store.Tx) error { return s.consume(tx, a) })
		if !errors.Is(err, reference.ErrConflict) {
			return err
		}
		a.fail(causeRace)
	}
	// Hanging up does not undo a failure.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Patience)
	defer cancel()
	return s.parts.Store.Update(ctx, func(tx store.Tx) error { return s.refuse(tx, a) })
}

// consume uses the code, moves the token and keeps what is to be kept of its ticket. What
// was judged before must still hold: each change is conditional, and an error takes all of
// them back.
func (s *Server) consume(tx store.Tx, a *attempt) error {
	t := a.row.Token
	newest, err := s.newest(tx, t)
	if err != nil {
		return err
	}
	if newest != t.RowVersion {
		return fmt.Errorf("token %s: %w", t.ID, reference.ErrConflict)
	}
	to, err := t.State.Next(reference.Delivered)
	if err != nil {
		return err
	}
	if err := tx.UseCode(a.row.Code.Locator, a.row.Now); err != nil {
		return err
	}
	if err := tx.MoveToken(t.ID, t.State, to, t.RowVersion, t.RowVersion+1, a.row.Now); err != nil {
		return err
	}
	if len(a.ticket) > 0 {
		if err := tx.IssueTicket(t.ID, a.kept, a.row.Now.Add(s.config.TicketValidity)); err != nil {
			return err
		}
	}
	return s.audit(tx, a, reference.Delivered.Record(), t.RowVersion+1, map[string]any{"locator": a.row.Code.Locator, "mpp": a.version})
}

// refuse counts a wrong code against the code that it was tried on, and records why a
// session was refused.
func (s *Server) refuse(tx store.Tx, a *attempt) error {
	detail := map[string]any{"cause": a.cause, "mpp": a.version}
	if a.cause == causeCode {
		code, err := tx.CountFailure(a.row.Code.Locator, s.config.CodeTries)
		switch {
		case err == nil:
			detail["failures"], detail["code"] = code.Failures, code.State
		case !errors.Is(err, reference.ErrConflict): // dead already
			return err
		}
	}
	return s.audit(tx, a, "refused", 0, detail)
}

func (s *Server) audit(tx store.Tx, a *attempt, event string, version uint64, detail map[string]any) error {
	detail["source"] = a.source
	text, err := json.Marshal(detail) // names sorted
	if err != nil {
		return fmt.Errorf("audit detail: %w", err)
	}
	return tx.Audit(store.AuditRecord{
		At: a.row.Now, Event: event, Actor: "phone", Token: a.row.Code.Token, Service: a.request.service(),
		RowVersion: version, Detail: string(text),
	})
}

package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// Revoke ends a token and its codes for ever. The change is durable when it returns;
// the authentication server is told at once or, where it does not answer, by Flush.
// Errors of Revoke, Suspend and Resume: ErrNotFound, ErrConflict, ErrUnavailable.
func (s *Service) Revoke(ctx context.Context, id reference.TokenID, actor string) error {
	return s.change(ctx, id, reference.Revoke, actor)
}

// Suspend has the token's OTPs refused until Resume. See Revoke.
func (s *Service) Suspend(ctx context.Context, id reference.TokenID, actor string) error {
	return s.change(ctx, id, reference.Suspend, actor)
}

// Resume ends a suspension. See Revoke.
func (s *Service) Resume(ctx context.Context, id reference.TokenID, actor string) error {
	return s.change(ctx, id, reference.Resume, actor)
}

// change moves a token and puts the message to the authentication server in the same
// commit. Events and the plug-in contract's operations have the same names.
func (s *Service) change(ctx context.Context, id reference.TokenID, event reference.Event, actor string) error {
	if err := id.Check(); err != nil {
		return err
	}
	err := s.move(ctx, id, event, or(actor, "system"), nil, func(tx store.Tx, t reference.Token) error {
		if event == reference.Revoke {
			if err := tx.RetireCodes(id); err != nil {
				return err
			}
		}
		return tx.PutOutbox(store.OutboxEntry{
			Key: messageKey(id, t.RowVersion, string(event)), Op: string(event), Token: id,
			AuthServer: t.AuthServer, Created: s.parts.Clock.Now(),
		})
	})
	if err != nil {
		return err
	}
	return s.tell(ctx, id)
}

// resumed tells the resume of a token that was activated from that of another: the state
// `suspended` does not say.
func resumed(tx store.Reader, id reference.TokenID, event reference.Event) (reference.Event, error) {
	if event != reference.Resume {
		return event, nil
	}
	k, err := tx.Ticket(id)
	switch {
	case errors.Is(err, reference.ErrNotFound):
		return event, nil
	case err == nil && k.State == reference.TicketSpent:
		return reference.Reactivate, nil
	}
	return event, err
}

// Reissue replaces the registration code of a token that no phone has yet. The result
// has no PIN: it is told once, at enrolment. The new code is for the same version of MPP,
// or for the highest where that is no longer on. Errors: ErrNotFound, ErrConflict,
// ErrUnavailable.
func (s *Service) Reissue(ctx context.Context, id reference.TokenID, actor string) (Result, error) {
	if err := id.Check(); err != nil {
		return Result{}, err
	}
	t, old, err := s.Status(ctx, id)
	if err != nil {
		return Result{}, err
	}
	w := wanted{old.MPP, s.config.CodeDigits, 0}
	if !slices.Contains(s.config.Versions, w.mpp) {
		w.mpp = slices.Max(s.config.Versions)
	}
	w.validity = s.config.validity(w.mpp)
	for range 3 {
		code, err := s.newCode(ctx, t, w)
		if err != nil {
			return Result{}, fmt.Errorf("reissue: %w", err)
		}
		err = s.replace(ctx, id, code.row, or(actor, "system"))
		if err == nil {
			defer code.clear()
			return Result{Token: id, Code: code.join(), Expires: code.row.Expires}, nil
		}
		code.clear()
		if !errors.Is(err, errTaken) {
			return Result{}, fmt.Errorf("reissue: %w", err)
		}
	}
	return Result{}, fmt.Errorf("reissue: every code drawn is taken: %w", reference.ErrUnavailable)
}

func (s *Service) replace(ctx context.Context, id reference.TokenID, code reference.RegistrationCode, actor string) error {
	detail := map[string]any{"locator": code.Locator, "mpp": code.MPP}
	return s.move(ctx, id, reference.Reissue, actor, detail, func(tx store.Tx, _ reference.Token) error {
		if err := tx.RetireCodes(id); err != nil {
			return err
		}
		return s.insertCode(tx, code)
	})
}

// Status gives a token and its newest registration code. Neither holds a clear secret.
func (s *Service) Status(ctx context.Context, id reference.TokenID) (t reference.Token, c reference.RegistrationCode, err error) {
	if err := id.Check(); err != nil {
		return t, c, err
	}
	err = s.parts.Store.View(ctx, func(tx store.Reader) error {
		if t, err = tx.Token(id); err != nil {
			return fmt.Errorf("token %s: %w", id, err)
		}
		c, err = tx.CodeOf(id)
		return err
	})
	return t, c, err
}

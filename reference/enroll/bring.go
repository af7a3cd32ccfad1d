package enroll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/store"
)

// Operations that the outbox holds, as the plug-in contract names them. An opActivate
// waits to be settled.
const (
	opCancel   = "cancel"
	opActivate = "activate"
)

// errTaken: the locator, or in MPP v1 the code itself, has been drawn before.
var errTaken = errors.New("code taken")

// bring takes a draft from nothing to `issued`. Where it cannot say how that has ended, the
// next Flush gives up what is left.
func (s *Service) bring(ctx context.Context, d *draft) error {
	err := s.complete(ctx, d)
	if err != nil {
		s.lost.add(cancelKey(d.token.ID), s.parts.Clock.Now())
	}
	return err
}

func (s *Service) complete(ctx context.Context, d *draft) error {
	if err := s.begin(ctx, d); err != nil {
		return err
	}
	failure := s.register(ctx, d)
	// The commits that follow are made even where the caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Patience)
	defer cancel()
	if failure != nil {
		return errors.Join(failure, s.abandon(ctx, d.token.ID, d.actor))
	}
	return s.move(ctx, d.token.ID, reference.Registered, d.actor, nil, func(tx store.Tx, _ reference.Token) error {
		return tx.DeleteOutbox(cancelKey(d.token.ID))
	})
}

// begin commits row and code as `pending`, trying other codes where one is taken.
func (s *Service) begin(ctx context.Context, d *draft) error {
	for range 3 {
		err := s.parts.Store.Update(ctx, func(tx store.Tx) error { return s.insert(tx, d) })
		if !errors.Is(err, errTaken) {
			return err
		}
		again := wanted{d.code.row.MPP, len(d.code.digits), d.code.row.Expires.Sub(d.code.row.Created)}
		d.code.clear()
		if d.code, err = s.newCode(ctx, d.token, again); err != nil {
			return err
		}
	}
	return fmt.Errorf("every code drawn is taken: %w", reference.ErrUnavailable)
}

// insert writes the row, its code, and the cancellation that is due unless this
// enrolment comes to its end: whoever finds it there after a crash carries it out.
func (s *Service) insert(tx store.Tx, d *draft) error {
	if err := tx.InsertToken(d.token); err != nil {
		return fmt.Errorf("token row: %w", err)
	}
	if err := s.insertCode(tx, d.code.row); err != nil {
		return err
	}
	if s.config.Activation {
		awaited := reference.Ticket{Token: d.token.ID, State: reference.TicketAwaited, Expires: d.token.Created, Created: d.token.Created}
		if err := tx.InsertTicket(awaited); err != nil {
			return fmt.Errorf("ticket: %w", err)
		}
	}
	if err := tx.PutOutbox(store.OutboxEntry{
		Key: cancelKey(d.token.ID), Op: opCancel, Token: d.token.ID,
		AuthServer: d.token.AuthServer, Created: d.token.Created,
	}); err != nil {
		return err
	}
	return audit(tx, d.token, "enrolling", d.actor, map[string]any{
		"locator": d.code.row.Locator, "mpp": d.code.row.MPP, "suite": d.token.Suite, "user": d.token.User,
	})
}

func (s *Service) insertCode(tx store.Tx, c reference.RegistrationCode) error {
	if err := s.room(tx, c); err != nil {
		return err
	}
	err := tx.InsertCode(c)
	if errors.Is(err, reference.ErrExists) {
		return errTaken
	}
	return err
}

// register hands the token to the authentication server.
func (s *Service) register(ctx context.Context, d *draft) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.CreateTimeout)
	defer cancel()
	err := s.parts.AuthServer.Create(ctx, plugin.Registration{
		Key:     messageKey(d.token.ID, d.token.RowVersion, "create"),
		Service: d.token.Service, User: d.token.User, Token: d.token.ID, Suite: d.token.Suite,
		TRKVersion: d.token.TRKVersion, PINDigits: d.token.PINDigits, TOKLength: d.token.TOKLength, Blob: d.blob,
		Activation: s.config.Activation,
	})
	if err == nil || errors.Is(err, reference.ErrRefused) {
		return err
	}
	return fmt.Errorf("create at the authentication server: %w: %w", reference.ErrUnavailable, err)
}

// abandon gives a pending token up. Its cancellation is in the outbox since insert.
func (s *Service) abandon(ctx context.Context, id reference.TokenID, actor string) error {
	return s.move(ctx, id, reference.Abandoned, actor, nil, func(tx store.Tx, _ reference.Token) error {
		return tx.RetireCodes(id)
	})
}

// move takes a token through one event: row, audit record and what more adds are one
// commit.
func (s *Service) move(ctx context.Context, id reference.TokenID, event reference.Event, actor string, detail map[string]any, more func(store.Tx, reference.Token) error) error {
	return s.parts.Store.Update(ctx, func(tx store.Tx) error {
		t, err := tx.Token(id)
		if err != nil {
			return fmt.Errorf("%s token %s: %w", event, id, err)
		}
		event, err := resumed(tx, id, event)
		if err != nil {
			return err
		}
		to, err := t.State.Next(event)
		if err != nil {
			return err
		}
		version := t.RowVersion + 1
		if err := tx.MoveToken(id, t.State, to, t.RowVersion, version, s.parts.Clock.Now()); err != nil {
			return fmt.Errorf("%s token %s: %w", event, id, err)
		}
		t.State, t.RowVersion = to, version
		if err := more(tx, t); err != nil {
			return err
		}
		return s.record(tx, t, event, actor, detail)
	})
}

func (s *Service) record(tx store.Tx, t reference.Token, event reference.Event, actor string, detail map[string]any) error {
	t.Updated = s.parts.Clock.Now()
	return audit(tx, t, event.Record(), actor, detail)
}

// audit adds the record of a change of row t at its new version. Detail holds no secret.
func audit(tx store.Tx, t reference.Token, event, actor string, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	text, err := json.Marshal(detail) // names sorted
	if err != nil {
		return fmt.Errorf("audit detail: %w", err)
	}
	return tx.Audit(store.AuditRecord{
		At: t.Updated, Event: event, Actor: actor, Token: t.ID, Service: t.Service,
		RowVersion: t.RowVersion, Detail: string(text),
	})
}

// messageKey names a message to the authentication server. A token's keys sort in the
// order of its changes, and no change has two.
func messageKey(id reference.TokenID, version uint64, op string) string {
	return fmt.Sprintf("%s-%010d-%s", id, version, op)
}

// cancelKey is the message that undoes an enrolment.
func cancelKey(id reference.TokenID) string {
	return messageKey(id, reference.SealedVersion, opCancel)
}

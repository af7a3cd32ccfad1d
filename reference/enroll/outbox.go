package enroll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

const (
	flushBatch = 1024
	// silent messages in a row mean that the authentication server is away.
	silent = 3
	// abandonAfter is how long an enrolment or activation may be under way before Flush takes
	// it for dead. It is far beyond every time-out of a living one.
	abandonAfter = 5 * time.Minute
)

// Flush sends what waits for the authentication server. What is not acknowledged
// stays for the next time; call it every few seconds. Its error is that of the
// messages that stay.
func (s *Service) Flush(ctx context.Context) error { return s.deliver(ctx, "") }

// tell sends the messages of one token. That they are kept is enough: the change is
// made, and Flush comes back to them.
func (s *Service) tell(ctx context.Context, id reference.TokenID) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.CreateTimeout)
	defer cancel()
	if err := s.deliver(ctx, id); errors.Is(err, reference.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	} else {
		return err
	}
}

// deliver sends the messages of one token, or of all.
func (s *Service) deliver(ctx context.Context, only reference.TokenID) error {
	select {
	case s.flush <- struct{}{}:
		defer func() { <-s.flush }()
	case <-ctx.Done():
		return ctx.Err()
	}
	entries, err := s.waiting(ctx, only)
	if err != nil {
		return err
	}
	var stuck reference.TokenID // later messages of a token wait for the earlier
	var failures []error
	for _, e := range entries {
		if e.Token == stuck {
			continue
		}
		if len(failures) >= silent || ctx.Err() != nil {
			break
		}
		if err := s.dispatch(ctx, e); err != nil {
			stuck, failures = e.Token, append(failures, err)
		}
	}
	return errors.Join(append(failures, ctx.Err())...)
}

// waiting lists messages by token, each token's in order. Tokens whose messages
// failed before come last, so that they hold up nobody else.
func (s *Service) waiting(ctx context.Context, only reference.TokenID) (entries []store.OutboxEntry, err error) {
	err = s.parts.Store.View(ctx, func(tx store.Reader) error {
		entries, err = tx.Outbox(flushBatch)
		return err
	})
	if only != "" {
		entries = slices.DeleteFunc(entries, func(e store.OutboxEntry) bool { return e.Token != only })
	}
	attempts := map[reference.TokenID]int{}
	for _, e := range entries {
		attempts[e.Token] = max(attempts[e.Token], e.Attempts)
	}
	slices.SortFunc(entries, func(a, b store.OutboxEntry) int {
		return cmp.Or(cmp.Compare(attempts[a.Token], attempts[b.Token]), cmp.Compare(a.Key, b.Key))
	})
	return entries, err
}

// dispatch sends one message and takes it out when it is acknowledged.
func (s *Service) dispatch(ctx context.Context, e store.OutboxEntry) error {
	if due := dues[e.Op]; due != nil {
		due, err := due(s, ctx, e)
		if err != nil || !due {
			return err
		}
	}
	err := s.send(ctx, e)
	if err == nil || errors.Is(err, reference.ErrRefused) {
		if e.Op == opActivate {
			_, err := s.conclude(ctx, e.Token, e.Key, "system", err)
			return err
		}
		return s.acknowledged(ctx, e, err)
	}
	e.Attempts++
	keep := s.parts.Store.Update(ctx, func(tx store.Tx) error { return tx.PutOutbox(e) })
	return errors.Join(fmt.Errorf("%s token %s: %w: %w", e.Op, e.Token, reference.ErrUnavailable, err), keep)
}

func (s *Service) send(ctx context.Context, e store.OutboxEntry) error {
	switch e.Op {
	case opCancel:
		return s.parts.AuthServer.Cancel(ctx, e.Key, e.Token)
	case opActivate:
		return s.parts.AuthServer.Settle(ctx, e.Key, e.Token)
	}
	return s.parts.AuthServer.SetState(ctx, e.Key, e.Token, e.Op)
}

// acknowledged ends a message. A refusal is final too, and a matter for the audit.
func (s *Service) acknowledged(ctx context.Context, e store.OutboxEntry, refusal error) error {
	return s.parts.Store.Update(ctx, func(tx store.Tx) error {
		if err := tx.DeleteOutbox(e.Key); err != nil || refusal == nil {
			return err
		}
		return audit(tx, reference.Token{ID: e.Token, Updated: s.parts.Clock.Now()}, "message refused", "authserver", map[string]any{"op": e.Op})
	})
}

// dues say whether a message is to be sent now, of those that wait for something.
var dues = map[string]func(*Service, context.Context, store.OutboxEntry) (bool, error){
	opCancel: (*Service).due, opActivate: (*Service).unsettled,
}

// due says whether a cancellation is to be sent: not while its enrolment is under way.
func (s *Service) due(ctx context.Context, e store.OutboxEntry) (bool, error) {
	t, _, err := s.Status(ctx, e.Token)
	if err != nil {
		return false, err
	}
	if t.State != reference.Pending {
		return t.State == reference.Cancelled, nil
	}
	if s.parts.Clock.Now().Sub(e.Created) < abandonAfter && !s.lost.has(e.Key) {
		return false, nil
	}
	if err := s.abandon(ctx, e.Token, "system"); err != nil {
		return false, err
	}
	s.lost.drop(e.Key)
	return true, nil
}

// lost are the enrolments and activations of this process that have ended without an
// outcome: the store or the HSM was away when they were to be given up. Their users need not
// wait until abandonAfter for another token, or an answer.
type lost struct {
	mu      sync.Mutex
	entries map[string]time.Time // by their keys in the outbox
}

// add also forgets those that abandonAfter has overtaken.
func (l *lost) add(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.entries, func(_ string, at time.Time) bool { return now.Sub(at) > abandonAfter })
	l.entries[key] = now
}

func (l *lost) has(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, is := l.entries[key]
	return is
}

func (l *lost) drop(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, key)
}

// Recover gives up the enrolments that a crash has interrupted: rows that are still
// pending when a server starts. Activations that it has interrupted are to be settled. Call
// it before Enrol is called, then Flush.
func (s *Service) Recover(ctx context.Context) error {
	entries, err := s.waiting(ctx, "")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Op == opActivate {
			if err := s.unanswered(ctx, e); err != nil {
				return fmt.Errorf("recover: %w", err)
			}
			continue
		}
		t, _, err := s.Status(ctx, e.Token)
		if err != nil {
			return fmt.Errorf("recover: %w", err)
		}
		if t.State != reference.Pending {
			continue
		}
		if err := s.abandon(ctx, e.Token, "system"); err != nil {
			return fmt.Errorf("recover: %w", err)
		}
	}
	return nil
}

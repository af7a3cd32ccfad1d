package mutants

import (
	"context"
	"errors"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/store"
)

// lateness is how long what is late takes to be done, in real time.
const lateness = 500 * time.Millisecond

// errLater takes back a change that is to be made later.
var errLater = errors.New("later")

// late answers one kind of change at once and makes it later.
type late struct {
	store.EPS
	event string // of its audit record
}

func (s late) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.EPS.Update(ctx, func(tx store.Tx) error {
		seen := &recorded{Tx: tx}
		if err := fn(seen); err != nil || seen.event != s.event {
			return err
		}
		return errLater
	})
	if !errors.Is(err, errLater) {
		return err
	}
	time.AfterFunc(lateness, func() { _ = s.EPS.Update(context.WithoutCancel(ctx), fn) })
	return nil
}

// recorded notes the audit record of a change.
type recorded struct {
	store.Tx
	event string
}

func (tx *recorded) Audit(r store.AuditRecord) error {
	tx.event = r.Event
	return tx.Tx.Audit(r)
}

// lateCounter answers accepted OTPs at once and moves their counters later.
type lateCounter struct{ store.AuthServer }

func (s lateCounter) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	err := s.AuthServer.Update(ctx, func(tx store.AuthTx) error {
		seen := &moved{AuthTx: tx}
		if err := fn(seen); err != nil || !seen.counter {
			return err
		}
		return errLater
	})
	if !errors.Is(err, errLater) {
		return err
	}
	time.AfterFunc(lateness, func() { _ = s.AuthServer.Update(context.WithoutCancel(ctx), fn) })
	return nil
}

// moved notes whether a change moves a counter.
type moved struct {
	store.AuthTx
	counter bool
}

func (tx *moved) UpdateCredential(c store.Credential) error {
	old, err := tx.Credential(c.Token)
	if err != nil {
		return err
	}
	tx.counter = c.Counter != old.Counter
	return tx.AuthTx.UpdateCredential(c)
}

// hopeful says that a cancellation has been answered, and sends it later.
type hopeful struct{ enroll.AuthServer }

func (a hopeful) Cancel(ctx context.Context, key string, token reference.TokenID) error {
	time.AfterFunc(lateness, func() { _ = a.AuthServer.Cancel(context.WithoutCancel(ctx), key, token) })
	return nil
}

// earlyHead tells the head of a group when the group is sealed.
type earlyHead struct{ store.EPS }

func (s earlyHead) SetSealer(chain store.Sealer) { s.EPS.SetSealer(earlyChain{chain}) }

type earlyChain struct{ store.Sealer }

func (c earlyChain) Seal(ctx context.Context, head store.AuditGroup, records []store.AuditRecord) (store.AuditGroup, error) {
	g, err := c.Sealer.Seal(ctx, head, records)
	if err != nil {
		return g, err
	}
	return g, c.Sealer.Sealed(g)
}

func (earlyChain) Sealed(store.AuditGroup) error { return nil }

package fault

import (
	"context"

	"github.com/epsbench/epsbench/reference/store"
)

// Where in a change of the store. The first is the last moment before COMMIT, with every
// statement executed.
const (
	beforeCommit = ": before the commit"
	beforeAnchor = ": committed, before its audit head is outside"
	afterCommit  = ": after the commit"
)

// answered is the change that takes an acknowledged message out of the outbox. It is the
// only one of the EPS that leaves no audit record; all others are named by theirs.
const answered = "message answered"

// epsStore has the points of the EPS's changes.
type epsStore struct {
	store.EPS
	plan *Plan
}

func (s epsStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	var change string
	err := s.EPS.Update(ctx, func(tx store.Tx) error {
		w := &writes{Tx: tx}
		err := fn(w)
		if change = w.name(); err == nil && w.event == "" && change != "" {
			s.plan.reach(change + beforeCommit)
		}
		return err
	})
	if err == nil && change != "" {
		s.plan.reach(change + afterCommit)
	}
	return err
}

// writes notes what a change is.
type writes struct {
	store.Tx
	event   string // of its audit record
	deleted bool   // a message
}

func (w *writes) name() string {
	if w.event == "" && w.deleted {
		return answered
	}
	return w.event
}

func (w *writes) Audit(r store.AuditRecord) error {
	w.event = r.Event
	return w.Tx.Audit(r)
}

func (w *writes) DeleteOutbox(key string) error {
	w.deleted = true
	return w.Tx.DeleteOutbox(key)
}

// SetSealer puts the points on either side of COMMIT into the chain: sealing is the last
// thing before it, and telling the head the first after.
func (s epsStore) SetSealer(chain store.Sealer) {
	s.EPS.SetSealer(&sealer{Sealer: chain, plan: s.plan})
}

// sealer is called by one goroutine, that of the commits.
type sealer struct {
	store.Sealer
	plan   *Plan
	events []string // of the group that was sealed last
}

func (s *sealer) Seal(ctx context.Context, head store.AuditGroup, records []store.AuditRecord) (store.AuditGroup, error) {
	g, err := s.Sealer.Seal(ctx, head, records)
	s.events = nil
	if err != nil {
		return g, err
	}
	for _, r := range records {
		s.events = append(s.events, r.Event)
	}
	s.reach(beforeCommit)
	return g, nil
}

func (s *sealer) Sealed(g store.AuditGroup) error {
	s.reach(beforeAnchor)
	return s.Sealer.Sealed(g)
}

func (s *sealer) reach(where string) {
	for _, event := range s.events {
		s.plan.reach(event + where)
	}
}

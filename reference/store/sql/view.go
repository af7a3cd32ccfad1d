package sql

import (
	"context"
	"database/sql"
)

const viewers = 8 // connections that read at once

// pool keeps sessions that read.
type pool struct {
	db      *sql.DB
	dialect Dialect
	free    chan *session // nil: a connection yet to be made
	closed  chan struct{}
}

func newPool(c Config) *pool {
	p := &pool{db: c.Read, dialect: c.Dialect, free: make(chan *session, viewers), closed: make(chan struct{})}
	for range viewers {
		p.free <- nil
	}
	return p
}

// view runs fn on one snapshot.
func (p *pool) view(ctx context.Context, fn func(*turn) error) error {
	s, err := p.begin(ctx)
	if err != nil {
		return err
	}
	t := &turn{group: &group{session: s}, ctx: ctx}
	defer func() {
		t.over.Store(true)
		if !s.rollback(context.WithoutCancel(ctx)) {
			s.discard()
			s = nil
		}
		p.free <- s
	}()
	if err := fn(t); err != nil {
		return err
	}
	return s.err
}

// begin takes a session and starts a transaction on it; an idle connection may
// have died, so a second one is tried.
func (p *pool) begin(ctx context.Context) (s *session, err error) {
	select {
	case s = <-p.free:
	case <-p.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() {
		if err != nil {
			p.free <- nil
		}
	}()
	for range 2 {
		if s == nil {
			if s, err = newSession(ctx, p.db, p.dialect.Classify); err != nil {
				return nil, unavailable(err)
			}
		}
		if err = s.plain(ctx, p.dialect.View); err == nil {
			return s, nil
		}
		s.discard()
		s = nil
	}
	return nil, err
}

// close waits for the views that run.
func (p *pool) close() {
	for range viewers {
		if s := <-p.free; s != nil {
			s.discard()
		}
	}
	close(p.closed)
}

// get is a query by a turn.
func get[T any](t *turn, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	if t.over.Load() {
		var none T
		return none, errOver
	}
	return one(t.ctx, t.session, scan, query, args...)
}

// list is a query for many rows; a limit of 0 means all.
func list[T any](t *turn, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	if t.over.Load() {
		return nil, errOver
	}
	return all(t.ctx, t.session, scan, query, args...)
}

// rowLimit is the argument of LIMIT.
func rowLimit(n int) int {
	if n <= 0 {
		return 1<<31 - 1
	}
	return n
}

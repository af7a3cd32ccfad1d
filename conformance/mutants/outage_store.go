package mutants

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

type trusting struct{ store.EPS }

func (trusting) Writable(context.Context) error { return nil }

type trustingAuth struct{ store.AuthServer }

func (trustingAuth) Writable(context.Context) error { return nil }

// hasty acknowledges a change whose outcome it does not wait for.
type hasty struct{ store.EPS }

func (s hasty) Update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.EPS.Update(ctx, fn)
	if errors.Is(err, reference.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// resigned gives up a database at its first absence.
type resigned struct {
	store.EPS
	lost atomic.Bool
}

func (s *resigned) once(ask func() error) error {
	if s.lost.Load() {
		return reference.ErrUnavailable
	}
	err := ask()
	if errors.Is(err, reference.ErrUnavailable) {
		s.lost.Store(true)
	}
	return err
}

func (s *resigned) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.once(func() error { return s.EPS.Update(ctx, fn) })
}

func (s *resigned) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.once(func() error { return s.EPS.View(ctx, fn) })
}

// blind finds nothing where it cannot look.
type blind struct{ store.EPS }

func (s blind) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.seen(s.EPS.Update(ctx, fn))
}

func (s blind) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.seen(s.EPS.View(ctx, fn))
}

func (blind) seen(err error) error {
	if errors.Is(err, reference.ErrUnavailable) {
		return reference.ErrNotFound
	}
	return err
}

// devoted asks a database until it answers.
type devoted struct{ store.EPS }

func (s devoted) Update(ctx context.Context, fn func(store.Tx) error) error {
	for {
		err := s.EPS.Update(context.WithoutCancel(ctx), fn)
		if !errors.Is(err, reference.ErrUnavailable) {
			return err
		}
	}
}

func (s devoted) View(ctx context.Context, fn func(store.Reader) error) error {
	for {
		err := s.EPS.View(context.WithoutCancel(ctx), fn)
		if !errors.Is(err, reference.ErrUnavailable) {
			return err
		}
	}
}

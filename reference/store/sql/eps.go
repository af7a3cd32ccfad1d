package sql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epsbench/epsbench/reference/store"
)

// EPS is store.EPS on an SQL engine.
type EPS struct {
	base
	sealer atomic.Pointer[store.Sealer]
}

// base is what both kinds of store have.
type base struct {
	config Config
	writer *writer
	pool   *pool
	once   *sync.Once
}

func open(ctx context.Context, c Config) (base, error) {
	if err := c.prepare(ctx); err != nil {
		return base{}, errors.Join(err, c.close())
	}
	return base{config: c, writer: newWriter(c), pool: newPool(c), once: new(sync.Once)}, nil
}

// OpenEPS brings the schema up to date and gives the store. It owns the pools of c,
// also when it fails.
func OpenEPS(ctx context.Context, c Config) (*EPS, error) {
	d, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	s := &EPS{base: d}
	s.writer.seal = s.seal
	return s, nil
}

// Update implements store.EPS.
func (s *EPS) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.writer.do(ctx, func(t *turn) error { return fn(epsTx{t, s}) })
}

// View implements store.EPS.
func (s *EPS) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.pool.view(ctx, func(t *turn) error { return fn(epsTx{t, s}) })
}

// SetSealer implements store.EPS.
func (s *EPS) SetSealer(sealer store.Sealer) { s.sealer.Store(&sealer) }

// Info implements store.EPS and store.AuthServer.
func (d base) Info(ctx context.Context) (store.Info, error) {
	var version string
	if err := d.config.Read.QueryRowContext(ctx, d.config.Dialect.Version).Scan(&version); err != nil {
		return store.Info{}, fmt.Errorf("ask %s for its version: %w", d.config.Dialect.Engine, unavailable(err))
	}
	return store.Info{Engine: d.config.Dialect.Engine, Version: version, DSN: d.config.Location}, nil
}

// Close ends what is being committed and refuses what waits.
func (d base) Close() error {
	var err error
	d.once.Do(func() {
		d.writer.close()
		d.pool.close()
		err = d.config.close()
	})
	return err
}

// epsTx implements store.Tx; View hands it out as a store.Reader.
type epsTx struct {
	*turn
	eps *EPS
}

// micros is how times are kept: microseconds since 1970, UTC.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// bytes is how empty byte strings are kept: never as NULL.
func bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// orNil gives nil for an empty byte string, so that what was read encodes as what was written.
func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

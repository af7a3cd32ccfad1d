package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/reference/store/mariadb"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// Node starts a second EPS and a second authentication server on the tokens and databases
// of the first, each with sessions and connections of its own.
func (s *system) Node(ctx context.Context) (conformance.Target, error) {
	return s.nodeLike(ctx, func(*system) {})
}

// nodeLike starts a node that differs in its configuration.
func (s *system) nodeLike(ctx context.Context, change func(*system)) (*system, error) {
	n := &system{
		options: s.options, dir: s.dir, name: s.name, profile: s.profile, seams: s.seams, clock: s.clock, log: s.log, trace: s.trace, sight: s.sight,
		slots: s.slots.shared(), node: fmt.Sprintf("eps-%d", len(s.twins)+2),
	}
	n.iterations.Store(s.iterations.Load())
	change(n)
	var err error
	if n.stores, err = s.stores.again(ctx); err == nil {
		err = n.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("second node: %w", err), n.Close())
	}
	s.twins = append(s.twins, n)
	return n, nil
}

// again opens the same databases once more. Dropping these leaves the databases.
func (s *stores) again(ctx context.Context) (*stores, error) {
	t := &stores{driver: s.driver, dsns: s.dsns, server: s.server}
	var err, err2 error
	if s.driver == "sqlite" {
		t.eps, err = sqlite.OpenEPS(ctx, s.dsns[0])
		t.auth, err2 = sqlite.OpenAuthServer(ctx, s.dsns[1])
	} else {
		t.eps, err = mariadb.OpenEPS(ctx, s.dsns[0])
		t.auth, err2 = mariadb.OpenAuthServer(ctx, s.dsns[1])
	}
	if err = errors.Join(err, err2); err != nil {
		return nil, errors.Join(err, t.drop(ctx))
	}
	return t, nil
}

// Resynchronise hands in OTPs in a row.
func (s *system) Resynchronise(ctx context.Context, service, user string, otps ...string) (conformance.Validation, error) {
	return s.judged(ctx, "/v1/resynchronise", map[string]any{"service": service, "user": user, "otps": otps})
}

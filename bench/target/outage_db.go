package target

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/epsbench/epsbench/conformance"
)

// breakage takes a part away, and gives what brings it back. That may be called twice.
type breakage func(ctx context.Context) (mend func(context.Context) error, err error)

// openFragileStores makes databases that no other target uses, so that they can be taken
// away: see openStores.
func openFragileStores(ctx context.Context, kind, dir string) (*stores, error) {
	switch {
	case kind == "sqlite":
		return openLimited(ctx, filepath.Join(dir, "db"))
	case strings.HasPrefix(kind, "{"):
		return openFragileMariaDB(ctx)
	}
	return openStores(ctx, hurried(kind), dir)
}

// breakages are the outages that these databases can suffer, for real. The databases of
// both servers are gone in each.
func (s *stores) breakages() map[conformance.Outage]breakage {
	if s.limited != nil {
		return s.limited.breakages()
	}
	return s.mariadbBreakages()
}

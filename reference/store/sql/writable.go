package sql

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// What Writable writes and takes back: a row that needs room of its own, in a table that
// every kind of store has.
const (
	deleteProbe = "DELETE FROM wrapped_keys WHERE name = ? AND version = ?"
	probeName   = "none: is there room?"
	probeBytes  = 4096
)

// Writable implements store.EPS and store.AuthServer. The row's version is drawn, so that
// two nodes that ask at once are not in each other's way.
func (d base) Writable(ctx context.Context) error {
	err := d.writer.do(ctx, func(t *turn) error {
		version := rand.Int64()
		if _, err := t.write(insertKey, probeName, version, "", make([]byte, probeBytes), 0); err != nil {
			return err
		}
		return changed(t.write(deleteProbe, probeName, version))
	})
	if err != nil {
		return fmt.Errorf("write to %s: %w", d.config.Dialect.Engine, unavailable(err))
	}
	return nil
}

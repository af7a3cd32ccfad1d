package sql

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// What Writable writes and takes back: rows that need a page of their own, in a table that
// every kind of store has. MariaDB's have 16 KiB, SQLite's 4.
const (
	deleteProbe = "DELETE FROM wrapped_keys WHERE name = ? AND version = ?"
	probeName   = "none: is there room?"
	probeBytes  = 4096
	probeRows   = 5
)

// Writable implements store.EPS and store.AuthServer.
func (d base) Writable(ctx context.Context) error {
	err := d.writer.lacksRoom()
	if err == nil {
		err = d.writer.do(ctx, probe)
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", d.config.Dialect.Engine, unavailable(err))
	}
	return nil
}

// probe draws the rows' versions, so that two nodes that ask at once are not in each
// other's way.
func probe(t *turn) error {
	first := rand.Int64N(1 << 62)
	for i := range int64(probeRows) {
		if _, err := t.write(insertKey, probeName, first+i, "", make([]byte, probeBytes), 0); err != nil {
			return err
		}
	}
	for i := range int64(probeRows) {
		if err := changed(t.write(deleteProbe, probeName, first+i)); err != nil {
			return err
		}
	}
	return nil
}

package audit

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// Viewer is what Open needs of a store.
type Viewer interface {
	View(ctx context.Context, fn func(tx store.Reader) error) error
}

// crashLeaves is how many groups a crash between commit and anchor leaves out.
const crashLeaves = 1

// Open compares the database with its anchor before anything is served. A database
// behind the anchor gives ErrBehindAnchor, another history ErrTampered. A group that
// a crash kept from the anchor is verified and put there; more than that gives
// ErrAnchorLost.
func (c *Chain) Open(ctx context.Context, st Viewer) error { return c.catchUp(ctx, st, crashLeaves) }

// Reanchor is Open for an anchor that was lost: every group that it lacks is verified
// and put there. Whether the database was rolled back meanwhile, nobody can tell any
// more, so a person decides.
func (c *Chain) Reanchor(ctx context.Context, st Viewer) error {
	return c.catchUp(ctx, st, math.MaxUint64)
}

func (c *Chain) catchUp(ctx context.Context, st Viewer, most uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, err := lastHead(c.anchor, c.node)
	if err != nil {
		return err
	}
	return st.View(ctx, func(tx store.Reader) error { return c.compare(ctx, tx, last, most) })
}

func (c *Chain) compare(ctx context.Context, tx store.Reader, last Head, most uint64) error {
	head, err := tx.AuditHead(c.node)
	if err != nil && !errors.Is(err, reference.ErrNotFound) {
		return fmt.Errorf("read the audit head: %w", err)
	}
	head.Node = c.node
	switch h := headOf(head); {
	case h.Group < last.Group:
		return behind(h, last)
	case h.Group-last.Group > most:
		return lost(h, last)
	}
	w := walker{ctx: ctx, tx: tx, node: c.node, mac: c.mac}
	if err := w.resume(last); err != nil {
		return err
	}
	c.last = last
	return w.groups(func(g store.AuditGroup) error { return c.put(headOf(g)) })
}

// Package audit chains the records of one node, so that a changed, missing, moved
// or invented record shows, and so does a database that was put back to an earlier
// day: each commit's records form a group under a MAC of an HSM key that also covers
// the group before, and every group's head leaves the database for an Anchor.
//
// Start at Chain, which implements store.Sealer; Verify walks a chain.
package audit

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/epsbench/epsbench/reference/store"
)

var (
	// ErrBehindAnchor is a database older than its anchor: it was rolled back, or
	// the tail of its audit was cut off. Nothing may be served from it.
	ErrBehindAnchor = errors.New("the database is behind its audit anchor")
	// ErrTampered is a chain that is not the one put outside, or whose MAC is wrong.
	ErrTampered = errors.New("the audit chain was tampered with")
	// ErrAnchorLost is an anchor that lacks more than what a crash can leave out.
	ErrAnchorLost = errors.New("the audit anchor lacks groups that the database has")
)

// MAC computes the MAC of a group, with a key that never leaves the HSM.
type MAC func(ctx context.Context, data []byte) ([]byte, error)

// Chain seals the audit records of one node. At most one commit is ahead of the
// anchor: the next one is refused until that one is outside.
type Chain struct {
	node   string
	mac    MAC
	anchor Anchor

	mu   sync.Mutex
	last Head // newest that is known to be outside
}

// New gives the chain of a node.
func New(node string, mac MAC, anchor Anchor) *Chain {
	return &Chain{node: node, mac: mac, anchor: anchor}
}

// Node implements store.Sealer.
func (c *Chain) Node() string { return c.node }

// Seal implements store.Sealer.
func (c *Chain) Seal(ctx context.Context, head store.AuditGroup, records []store.AuditRecord) (store.AuditGroup, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.follow(head); err != nil {
		return store.AuditGroup{}, err
	}
	g := store.AuditGroup{
		Node: c.node, Group: head.Group + 1, First: head.Last + 1,
		Last: head.Last + uint64(len(records)), Previous: head.MAC,
	}
	for i := range records {
		records[i].Node, records[i].Group, records[i].Seq = c.node, g.Group, g.First+uint64(i)
	}
	var err error
	g.MAC, err = seal(ctx, c.mac, g, records)
	return g, err
}

// Sealed implements store.Sealer.
func (c *Chain) Sealed(g store.AuditGroup) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.put(headOf(g))
}

func (c *Chain) put(h Head) error {
	if err := c.anchor.Append(h); err != nil {
		return fmt.Errorf("audit group %d: %w", h.Group, err)
	}
	c.last = h
	return nil
}

// follow makes sure that the head of the database is the one outside. It may be one
// group ahead, where the process or the anchor failed just after a commit.
func (c *Chain) follow(head store.AuditGroup) error {
	if h := headOf(head); c.last.same(h) {
		return nil
	}
	last, err := lastHead(c.anchor, c.node) // another process may have appended
	if err != nil {
		return err
	}
	c.last = last
	switch h := headOf(head); {
	case h.Group < last.Group:
		return behind(h, last)
	case h.Group == last.Group && !last.same(h):
		return fmt.Errorf("group %d: %w", h.Group, ErrTampered)
	case h.Group == last.Group:
		return nil
	case h.Group == last.Group+1:
		return c.put(h)
	default:
		return lost(h, last)
	}
}

func behind(have, want Head) error {
	return fmt.Errorf("%w: node %q has group %d, the anchor %d", ErrBehindAnchor, want.Node, have.Group, want.Group)
}

func lost(have, want Head) error {
	return fmt.Errorf("%w: node %q has group %d, the anchor %d", ErrAnchorLost, have.Node, have.Group, want.Group)
}

// canonical is deterministic CBOR (RFC 8949 §4.2.1), so that equal records give equal bytes.
var canonical = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return mode
}()

// seal computes HMAC(audit key, CBOR[node, group, first, last, previous MAC, SHA-256(records)]).
func seal(ctx context.Context, mac MAC, g store.AuditGroup, records []store.AuditRecord) ([]byte, error) {
	digest, err := digest(records)
	if err != nil {
		return nil, err
	}
	data, err := canonical.Marshal([]any{g.Node, g.Group, g.First, g.Last, bytesOf(g.Previous), digest})
	if err != nil {
		return nil, fmt.Errorf("encode audit group %d: %w", g.Group, err)
	}
	sum, err := mac(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("MAC of audit group %d: %w", g.Group, err)
	}
	return sum, nil
}

// digest is SHA-256 over the CBOR array of the records, each an array of its fields;
// times in microseconds since 1970.
func digest(records []store.AuditRecord) ([]byte, error) {
	rows := make([][]any, len(records))
	for i, r := range records {
		rows[i] = []any{r.Seq, r.Group, r.Node, r.At.UnixMicro(), r.Event, r.Actor,
			string(r.Token), string(r.Service), r.RowVersion, r.Detail}
	}
	data, err := canonical.Marshal(rows)
	if err != nil {
		return nil, fmt.Errorf("encode audit records: %w", err)
	}
	sum := sha256.Sum256(data)
	return sum[:], nil
}

// bytesOf keeps nil from becoming a CBOR null.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/epsbench/epsbench/reference/store"
)

// Report is what Verify found.
type Report struct {
	Node     string
	Groups   uint64 // good ones, before the first problem
	Records  uint64
	Anchored uint64   // groups compared with their head outside
	Problem  *Problem // nil: the chain is whole
}

// Problem is the first place where the chain does not hold. It matches ErrTampered,
// or ErrBehindAnchor where the end is missing.
type Problem struct {
	Group uint64
	Seq   uint64 // 0: the group as a whole
	What  string
	kind  error
}

func (p *Problem) Error() string {
	if p.Seq > 0 {
		return fmt.Sprintf("audit group %d, record %d: %s", p.Group, p.Seq, p.What)
	}
	return fmt.Sprintf("audit group %d: %s", p.Group, p.What)
}

func (p *Problem) Unwrap() error { return p.kind }

func tampered(group, seq uint64, format string, args ...any) error {
	return &Problem{Group: group, Seq: seq, What: fmt.Sprintf(format, args...), kind: ErrTampered}
}

// Verify walks the chain of a node from its start and compares it with the anchor. It
// finds edited, deleted, moved and invented records and groups, a cut tail, a database
// put back to an earlier day, and MACs made without the key. The error is for what kept
// it from looking; what it saw is in the report. The EPS may run meanwhile.
func Verify(ctx context.Context, st Viewer, node string, mac MAC, anchor Anchor) (Report, error) {
	report := Report{Node: node}
	// Before the snapshot: what is outside now, the database must have.
	last, err := lastHead(anchor, node)
	if err != nil {
		return report, err
	}
	err = st.View(ctx, func(tx store.Reader) error {
		return verify(walker{ctx: ctx, tx: tx, node: node, mac: mac}, anchor, last.Group, &report)
	})
	if errors.As(err, &report.Problem) {
		err = nil
	}
	return report, err
}

func verify(w walker, anchor Anchor, until uint64, report *Report) error {
	outside := newOutside(anchor, w.node, until, w.head)
	defer outside.stop()
	err := w.groups(func(g store.AuditGroup) error {
		if err := outside.compare(headOf(g), &report.Anchored); err != nil {
			return err
		}
		report.Groups, report.Records = g.Group, g.Last
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.leftovers(); err != nil {
		return err
	}
	return outside.rest(report.Groups)
}

// outside reads the heads of one node beside the walk. They grow, but for a few that
// one of two processes appended late, so that the chain may be of any length.
type outside struct {
	next   func() (Head, error, bool)
	stop   func()
	node   string
	until  uint64 // group; what was appended after the walk began is left out
	inside func(group uint64) (Head, error)
	head   Head
	more   bool
	err    error
}

func newOutside(anchor Anchor, node string, until uint64, inside func(uint64) (Head, error)) *outside {
	o := &outside{node: node, until: until, inside: inside, more: true}
	o.next, o.stop = iter.Pull2(anchor.Heads())
	o.advance()
	return o
}

// advance goes to the node's next head, and holds late ones against the database at once.
func (o *outside) advance() {
	newest := o.head.Group
	for o.err == nil {
		o.head, o.err, o.more = o.next()
		switch {
		case !o.more || o.err != nil:
			return
		case o.head.Node != o.node || o.head.Group > o.until:
		case o.head.Group > newest:
			return
		default:
			o.late()
		}
	}
}

func (o *outside) late() {
	var in Head
	if in, o.err = o.inside(o.head.Group); o.err == nil && !in.same(o.head) {
		o.err = tampered(o.head.Group, 0, "differs from one of its heads in the anchor")
	}
}

// compare holds a group against its head, where that is outside.
func (o *outside) compare(h Head, compared *uint64) error {
	if o.err != nil {
		return o.err
	}
	if !o.more || o.head.Group > h.Group {
		return nil
	}
	if !o.head.same(h) {
		return tampered(h.Group, 0, "differs from its head in the anchor")
	}
	*compared++
	o.advance()
	return nil
}

// rest tells of heads outside that the database has no groups for.
func (o *outside) rest(last uint64) error {
	if o.err != nil || !o.more {
		return o.err
	}
	return &Problem{Group: last + 1, What: "the anchor has it, the database does not: its end was cut off, or it was rolled back", kind: ErrBehindAnchor}
}

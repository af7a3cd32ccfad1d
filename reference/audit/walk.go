package audit

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/reference/store"
)

// page is how many groups or records are read at a time.
const page = 512

// walker goes along the chain of a node and checks each group by itself and against
// the one before.
type walker struct {
	ctx     context.Context
	tx      store.Reader
	node    string
	mac     MAC
	last    store.AuditGroup // checked
	records []store.AuditRecord
}

// head reads the head of one group; a zero one where there is none.
func (w *walker) head(group uint64) (Head, error) {
	groups, err := w.tx.AuditGroups(w.node, group-1, 1)
	if err != nil {
		return Head{}, fmt.Errorf("read audit group %d: %w", group, err)
	}
	if len(groups) == 0 || groups[0].Group != group {
		return Head{}, nil
	}
	return headOf(groups[0]), nil
}

// resume starts after a group that is known from outside.
func (w *walker) resume(h Head) error {
	if h.Group == 0 {
		return nil
	}
	have, err := w.head(h.Group)
	if err != nil {
		return err
	}
	if !have.same(h) {
		return tampered(h.Group, 0, "differs from its head in the anchor")
	}
	w.last = store.AuditGroup{Node: h.Node, Group: h.Group, Last: h.Last, MAC: h.MAC}
	return nil
}

// groups checks every further group and then calls good for it.
func (w *walker) groups(good func(store.AuditGroup) error) error {
	for {
		groups, err := w.tx.AuditGroups(w.node, w.last.Group, page)
		if err != nil {
			return fmt.Errorf("read the audit after group %d: %w", w.last.Group, err)
		}
		for _, g := range groups {
			if err := w.check(g); err != nil {
				return err
			}
			if err := good(g); err != nil {
				return err
			}
			w.last = g
		}
		if len(groups) < page {
			return nil
		}
	}
}

// check judges one group.
func (w *walker) check(g store.AuditGroup) error {
	switch {
	case g.Group != w.last.Group+1:
		return tampered(w.last.Group+1, 0, "is missing")
	case g.First != w.last.Last+1:
		return tampered(g.Group, 0, "starts at record %d, not %d", g.First, w.last.Last+1)
	case g.Last < g.First:
		return tampered(g.Group, 0, "holds no record")
	case !equal(g.Previous, w.last.MAC):
		return tampered(g.Group, 0, "does not follow the group before it")
	}
	records, err := w.take(g)
	if err != nil {
		return err
	}
	mac, err := seal(w.ctx, w.mac, g, records)
	if err != nil {
		return err
	}
	if !equal(mac, g.MAC) {
		return tampered(g.Group, 0, "the MAC is wrong: a record or the group was changed")
	}
	return nil
}

// take gives the records of a group, which must be there without a gap.
func (w *walker) take(g store.AuditGroup) ([]store.AuditRecord, error) {
	want := g.Last - g.First + 1
	for uint64(len(w.records)) < want {
		after := g.First - 1 + uint64(len(w.records))
		more, err := w.tx.AuditRecords(store.AuditQuery{Node: w.node, After: after, Limit: page})
		if err != nil {
			return nil, fmt.Errorf("read the audit after record %d: %w", after, err)
		}
		for i, r := range more {
			if r.Seq != after+uint64(i)+1 {
				more = more[:i]
				break
			}
		}
		if len(more) == 0 {
			return nil, tampered(g.Group, after+1, "is missing")
		}
		w.records = append(w.records, more...)
	}
	records := w.records[:want]
	w.records = w.records[want:]
	for _, r := range records {
		if r.Group != g.Group {
			return nil, tampered(g.Group, r.Seq, "says that it belongs to group %d", r.Group)
		}
	}
	return records, nil
}

// leftovers finds records that no group holds.
func (w *walker) leftovers() error {
	records, err := w.tx.AuditRecords(store.AuditQuery{Node: w.node, After: w.last.Last, Limit: 1})
	if err != nil {
		return fmt.Errorf("read the audit after record %d: %w", w.last.Last, err)
	}
	if len(records) > 0 {
		return tampered(records[0].Group, records[0].Seq, "no group holds it")
	}
	return nil
}

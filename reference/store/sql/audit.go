package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

const (
	recordColumns = "node, seq, group_no, at, event, actor, token, service, row_version, detail"
	insertRecord  = "INSERT INTO audit_records (" + recordColumns + ") VALUES (?,?,?,?,?,?,?,?,?,?)"
	selectRecords = "SELECT " + recordColumns + " FROM audit_records"
	rowVersion    = "SELECT row_version FROM audit_records WHERE token = ? AND row_version > 0 ORDER BY row_version DESC LIMIT 1"
	groupColumns  = "node, group_no, first_seq, last_seq, previous, mac"
	insertGroup   = "INSERT INTO audit_groups (" + groupColumns + ") VALUES (?,?,?,?,?,?)"
	selectHead    = "SELECT " + groupColumns + " FROM audit_groups WHERE node = ? ORDER BY group_no DESC LIMIT 1"
	selectNodes   = "SELECT node FROM audit_records UNION SELECT node FROM audit_groups ORDER BY node"
	selectGroups  = "SELECT " + groupColumns + " FROM audit_groups WHERE node = ? AND group_no > ? ORDER BY group_no LIMIT ?"
)

// ErrNoSealer is an audit record in a store that has no chain.
var ErrNoSealer = errors.New("no audit chain is set")

func scanRecord(row scanner) (r store.AuditRecord, err error) {
	var at int64
	err = row.Scan(&r.Node, &r.Seq, &r.Group, &at, &r.Event, &r.Actor, &r.Token, &r.Service, &r.RowVersion, &r.Detail)
	r.At = fromMicros(at)
	return r, err
}

func scanGroup(row scanner) (g store.AuditGroup, err error) {
	err = row.Scan(&g.Node, &g.Group, &g.First, &g.Last, &g.Previous, &g.MAC)
	g.Previous, g.MAC = orNil(g.Previous), orNil(g.MAC)
	return g, err
}

// RowVersion implements store.Reader. Row versions only grow, so that the greatest
// is the newest, whichever node wrote it.
func (t epsTx) RowVersion(token reference.TokenID) (uint64, error) {
	return get(t.turn, scanNumber[uint64], rowVersion, token)
}

// AuditRecords implements store.Reader.
func (t epsTx) AuditRecords(q store.AuditQuery) ([]store.AuditRecord, error) {
	query, args := recordsQuery(q)
	return list(t.turn, scanRecord, query, args...)
}

func recordsQuery(q store.AuditQuery) (query string, args []any) {
	var where []string
	for _, c := range []struct {
		condition string
		value     any
		wanted    bool
	}{
		{"node = ?", q.Node, q.Node != ""},
		{"token = ?", q.Token, q.Token != ""},
		{"event = ?", q.Event, q.Event != ""},
		{"seq > ?", q.After, q.After > 0},
	} {
		if c.wanted {
			where, args = append(where, c.condition), append(args, c.value)
		}
	}
	query = selectRecords
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return query + " ORDER BY node, seq LIMIT ?", append(args, rowLimit(q.Limit))
}

// AuditGroups implements store.Reader.
func (t epsTx) AuditGroups(node string, after uint64, limit int) ([]store.AuditGroup, error) {
	return list(t.turn, scanGroup, selectGroups, node, after, rowLimit(limit))
}

// AuditHead implements store.Reader.
func (t epsTx) AuditHead(node string) (store.AuditGroup, error) {
	return get(t.turn, scanGroup, selectHead, node)
}

// AuditNodes implements store.Reader.
func (t epsTx) AuditNodes() ([]string, error) {
	return list(t.turn, func(row scanner) (node string, err error) {
		err = row.Scan(&node)
		return node, err
	}, selectNodes)
}

// Audit implements store.Tx. The record is written at once, with the number that the
// seal will confirm, so that later turns of the same commit see it.
func (t epsTx) Audit(r store.AuditRecord) error {
	sealer := t.eps.sealer.Load()
	if sealer == nil {
		return ErrNoSealer
	}
	if err := t.readHead((*sealer).Node()); err != nil {
		return err
	}
	r.Node, r.Group = t.head.Node, t.head.Group+1
	r.Seq = t.head.Last + uint64(len(t.audit)) + 1
	r.At = fromMicros(micros(r.At))
	_, err := t.write(insertRecord, r.Node, r.Seq, r.Group, micros(r.At), r.Event, r.Actor, r.Token, r.Service, r.RowVersion, r.Detail)
	if errors.Is(err, reference.ErrExists) {
		return t.overtaken(err)
	}
	if err == nil {
		t.audit = append(t.audit, r)
	}
	return err
}

// readHead reads the head of the chain, once a group.
func (t epsTx) readHead(node string) error {
	if t.head.Node != "" {
		return nil
	}
	head, err := t.AuditHead(node)
	if err != nil && !errors.Is(err, reference.ErrNotFound) {
		return err
	}
	head.Node = node
	t.head = head
	return nil
}

// overtaken tells that another process has lengthened the same chain meanwhile:
// the group is judged again on the new head.
func (g *group) overtaken(err error) error {
	g.session.err = fmt.Errorf("another process writes the audit of node %q: %w: %w", g.head.Node, reference.ErrUnavailable, err)
	g.session.class = Conflict
	return g.session.err
}

// seal chains the records of a group and gives what is left to do after the commit.
func (s *EPS) seal(ctx context.Context, g *group) (func() error, error) {
	if len(g.audit) == 0 {
		return func() error { return nil }, nil
	}
	sealer := *s.sealer.Load()
	records := append([]store.AuditRecord(nil), g.audit...)
	head, err := sealer.Seal(ctx, g.head, records)
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if r != g.audit[i] {
			return nil, fmt.Errorf("record %d: the chain changed it", g.audit[i].Seq)
		}
	}
	_, err = g.exec(ctx, insertGroup, head.Node, head.Group, head.First, head.Last, bytes(head.Previous), bytes(head.MAC))
	if errors.Is(err, reference.ErrExists) {
		err = g.overtaken(err)
	}
	return func() error { return sealer.Sealed(head) }, err
}

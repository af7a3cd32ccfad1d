package audit

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// Sealed is a group with the records that it is to hold, as the database has them.
type Sealed struct {
	Group   store.AuditGroup
	Records []store.AuditRecord
}

// OfToken reads the groups that hold the records of a token, with all their records; and
// gives the version of its newest row. A record that is in no group is ErrTampered. A record
// that was taken out of the audit, or given to another token, is not missed here: Verify
// finds that.
func OfToken(tx store.Reader, token reference.TokenID) (groups []Sealed, version uint64, err error) {
	records, err := tx.AuditRecords(store.AuditQuery{Token: token})
	if err != nil {
		return nil, 0, fmt.Errorf("read the audit of a token: %w", err)
	}
	for _, r := range records {
		version = max(version, r.RowVersion)
		if n := len(groups); n > 0 && groups[n-1].holds(r) { // they come in their order
			continue
		}
		g, err := groupOf(tx, r)
		if err != nil {
			return nil, 0, err
		}
		groups = append(groups, g)
	}
	return groups, version, nil
}

func (s Sealed) holds(r store.AuditRecord) bool {
	g := s.Group
	return r.Node == g.Node && r.Group == g.Group && r.Seq >= g.First && r.Seq <= g.Last
}

func groupOf(tx store.Reader, r store.AuditRecord) (s Sealed, err error) {
	found, err := tx.AuditGroups(r.Node, r.Group-1, 1)
	if err != nil {
		return s, fmt.Errorf("read audit group %d: %w", r.Group, err)
	}
	if len(found) == 1 {
		s.Group = found[0]
	}
	if !s.holds(r) {
		return s, tampered(r.Group, r.Seq, "is not in the group that it names")
	}
	n := int(min(s.Group.Last-s.Group.First, page)) + 1
	s.Records, err = tx.AuditRecords(store.AuditQuery{Node: r.Node, After: s.Group.First - 1, Limit: n})
	if err != nil {
		return s, fmt.Errorf("read the records of audit group %d: %w", r.Group, err)
	}
	return s, nil
}

// Check computes the MAC again, which covers how many records there are, and the place of
// each. ErrTampered: a record of the group is not as it was sealed.
func (s Sealed) Check(ctx context.Context, mac MAC) error {
	sum, err := seal(ctx, mac, s.Group, s.Records)
	if err != nil {
		return err
	}
	if !equal(sum, s.Group.MAC) {
		return tampered(s.Group.Group, 0, "the MAC is wrong: a record or the group was changed")
	}
	return nil
}

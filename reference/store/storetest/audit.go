package storetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/store"
)

// testAuditNumbers: records are numbered from 1 without a gap, whatever failed between
// them, and groups hold them all.
func testAuditNumbers(t *testing.T, st store.EPS) {
	held := holdWriter(t, st)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			_ = st.Update(context.Background(), func(tx store.Tx) error {
				for range i % 4 {
					if err := tx.Audit(store.AuditRecord{At: now, Event: "counted", Actor: "test"}); err != nil {
						t.Error(err)
					}
				}
				return wantedOf(i)
			})
		})
	}
	held()
	wg.Wait()
	view(t, st, func(tx store.Reader) error {
		groups, err := tx.AuditGroups(node, 0, 0)
		if err != nil {
			return err
		}
		records, err := tx.AuditRecords(store.AuditQuery{Node: node})
		if err != nil {
			return err
		}
		wantNumbers(t, groups, records)
		head, err := tx.AuditHead(node)
		if !reflect.DeepEqual(head, groups[len(groups)-1]) {
			t.Errorf("the head is %+v", head)
		}
		if err != nil {
			return err
		}
		nodes, err := tx.AuditNodes()
		if !reflect.DeepEqual(nodes, []string{node}) {
			t.Errorf("nodes %v", nodes)
		}
		return err
	})
}

func wantNumbers(t *testing.T, groups []store.AuditGroup, records []store.AuditRecord) {
	t.Helper()
	for i, r := range records {
		if r.Seq != uint64(i)+1 || r.Node != node || r.Group == 0 || r.Group > uint64(len(groups)) {
			t.Fatalf("record %d has number %d, node %q, group %d", i+1, r.Seq, r.Node, r.Group)
		}
		if g := groups[r.Group-1]; r.Seq < g.First || r.Seq > g.Last {
			t.Fatalf("record %d is not in its group %+v", r.Seq, g)
		}
	}
	next := uint64(1)
	for i, g := range groups {
		if g.Group != uint64(i)+1 || g.First != next || g.Last < g.First || len(g.MAC) != 32 {
			t.Fatalf("group %d is %+v, records up to %d were before", i+1, g, next-1)
		}
		next = g.Last + 1
	}
	if next != uint64(len(records))+1 {
		t.Errorf("the groups hold %d records of %d", next-1, len(records))
	}
}

func testAuditQueries(t *testing.T, st store.EPS) {
	written := make([]store.AuditRecord, 6)
	for i := range written {
		written[i] = store.AuditRecord{
			At: now, Event: fmt.Sprintf("query-%d", i%2), Actor: "CN=l'auditeur, \"O\"=é", Token: tokenID("query", i%3),
			Service: "bank.example", RowVersion: uint64(i), Detail: `{"why":"` + "\\u0000 ☕" + `"}`,
		}
	}
	update(t, st, func(tx store.Tx) error {
		for _, r := range written {
			if err := tx.Audit(r); err != nil {
				return err
			}
		}
		return nil
	})
	var first uint64
	read := func(q store.AuditQuery) (seen []int) {
		view(t, st, func(tx store.Reader) error {
			records, err := tx.AuditRecords(q)
			for _, r := range records {
				if first == 0 {
					first = r.Seq
				}
				i := int(r.Seq - first)
				w := written[i]
				w.Seq, w.Group, w.Node = r.Seq, r.Group, node
				if r != w {
					t.Errorf("wrote %+v\nread  %+v", w, r)
				}
				seen = append(seen, i)
			}
			return err
		})
		return seen
	}
	read(store.AuditQuery{Event: "query-0", Limit: 1}) // finds the first number
	for _, c := range []struct {
		query store.AuditQuery
		want  []int
	}{
		{store.AuditQuery{Event: "query-0"}, []int{0, 2, 4}},
		{store.AuditQuery{Token: tokenID("query", 1)}, []int{1, 4}},
		{store.AuditQuery{Token: tokenID("query", 1), Event: "query-1"}, []int{1}},
		{store.AuditQuery{Node: node, After: first + 2, Event: "query-1"}, []int{3, 5}},
		{store.AuditQuery{Node: node, After: first, Limit: 2}, []int{1, 2}},
		{store.AuditQuery{Node: "another", Event: "query-0"}, nil},
	} {
		if got := read(c.query); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v finds %v, want %v", c.query, got, c.want)
		}
	}
}

// testRowVersion: a change sees the version that another one in the same commit wrote.
func testRowVersion(t *testing.T, st store.EPS) {
	id := tokenID("version", 1)
	for _, v := range []uint64{1, 2, 0, 3} {
		update(t, st, func(tx store.Tx) error {
			if err := tx.Audit(store.AuditRecord{At: now, Event: "moved", Token: id, RowVersion: v}); err != nil {
				return err
			}
			got, err := tx.RowVersion(id)
			if v != 0 && got != v {
				t.Errorf("wrote version %d, read %d", v, got)
			}
			return err
		})
	}
	view(t, st, func(tx store.Reader) error {
		got, err := tx.RowVersion(id)
		if got != 3 {
			t.Errorf("the newest version is %d", got)
		}
		return err
	})
}

// brokenChain is an HSM that does not answer while it is broken.
func testSealerFails(t *testing.T, e Engine) {
	st := e.open(t, e.New(t))
	broken := true
	dead := errors.New("the HSM is away")
	st.SetSealer(audit.New(node, func(ctx context.Context, data []byte) ([]byte, error) {
		if broken {
			return nil, dead
		}
		return softwareMAC(ctx, data)
	}, audit.FileAnchor(filepath.Join(t.TempDir(), "anchor"))))
	k := newToken("sealer", 1)
	enrol := func() error {
		return st.Update(context.Background(), func(tx store.Tx) error {
			if err := tx.InsertToken(k); err != nil {
				return err
			}
			return tx.Audit(store.AuditRecord{At: now, Event: "enrolled", Token: k.ID})
		})
	}
	err := enrol()
	want(t, "a change that cannot be sealed", err, reference.ErrUnavailable)
	want(t, "its cause", err, dead)
	view(t, st, func(tx store.Reader) error {
		_, err := tx.Token(k.ID)
		want(t, "its row", err, reference.ErrNotFound)
		return nil
	})
	broken = false
	want(t, "the same change with an HSM", enrol(), nil)
}

// testTwoProcesses: two stores on one database that carry on one chain, as a server and
// an administration command do, take turns without a gap and lose no record.
func testTwoProcesses(t *testing.T, e Engine) {
	location := e.New(t)
	anchor := audit.FileAnchor(filepath.Join(t.TempDir(), "anchor"))
	stores := []store.EPS{e.open(t, location), e.open(t, location)}
	for _, st := range stores {
		st.SetSealer(audit.New(node, softwareMAC, anchor))
	}
	var wg sync.WaitGroup
	const each = 20
	for _, st := range stores {
		wg.Go(func() {
			for range each {
				err := st.Update(context.Background(), func(tx store.Tx) error {
					return tx.Audit(store.AuditRecord{At: now, Event: "counted", Actor: "test"})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	report, err := audit.Verify(context.Background(), stores[0], node, softwareMAC, anchor)
	if err != nil || report.Problem != nil || report.Records != 2*each {
		t.Errorf("verify: %+v, %v, %v", report, report.Problem, err)
	}
}

package audit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// edit changes the database behind the program's back.
func (p place) edit(t testing.TB, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", p.database())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// The place has 12 groups of 1, 2, 3, … records: group 5 holds 8 and 9, group 12 holds 22 to 24.
var tamperings = []struct {
	what  string
	sql   string
	kind  error
	group uint64 // where it shows
}{
	{"an event edited", "UPDATE audit_records SET event = 'revoked' WHERE seq = 8", audit.ErrTampered, 5},
	{"an actor edited", "UPDATE audit_records SET actor = 'system' WHERE seq = 8", audit.ErrTampered, 5},
	{"a time edited", "UPDATE audit_records SET at = at + 1 WHERE seq = 8", audit.ErrTampered, 5},
	{"a token edited", "UPDATE audit_records SET token = 'TOKEN9' WHERE seq = 8", audit.ErrTampered, 5},
	{"a service edited", "UPDATE audit_records SET service = 'other' WHERE seq = 8", audit.ErrTampered, 5},
	{"a row version edited", "UPDATE audit_records SET row_version = 7 WHERE seq = 8", audit.ErrTampered, 5},
	{"a detail edited", "UPDATE audit_records SET detail = '{}' WHERE seq = 8", audit.ErrTampered, 5},
	{"two fields merged", "UPDATE audit_records SET event = event || actor, actor = '' WHERE seq = 8", audit.ErrTampered, 5},
	{"a record moved to another group", "UPDATE audit_records SET group_no = 6 WHERE seq = 9", audit.ErrTampered, 5},
	{"a group's end moved", "UPDATE audit_groups SET last_seq = last_seq + 1 WHERE group_no = 5", audit.ErrTampered, 5},
	{"a group emptied", "UPDATE audit_groups SET last_seq = first_seq - 1 WHERE group_no = 5", audit.ErrTampered, 5},
	{"a MAC edited", "UPDATE audit_groups SET mac = zeroblob(32) WHERE group_no = 5", audit.ErrTampered, 5},
	{"a MAC shortened", "UPDATE audit_groups SET mac = substr(mac, 1, 16) WHERE group_no = 5", audit.ErrTampered, 5},
	{"the link edited", "UPDATE audit_groups SET previous = zeroblob(32) WHERE group_no = 5", audit.ErrTampered, 5},
	{"a record deleted", "DELETE FROM audit_records WHERE seq = 9", audit.ErrTampered, 5},
	{"the first record deleted", "DELETE FROM audit_records WHERE seq = 1", audit.ErrTampered, 1},
	{"the last record deleted", "DELETE FROM audit_records WHERE seq = 24", audit.ErrTampered, 12},
	{"a group deleted", "DELETE FROM audit_groups WHERE group_no = 5", audit.ErrTampered, 5},
	{"a group deleted with its records", "DELETE FROM audit_groups WHERE group_no = 5; DELETE FROM audit_records WHERE group_no = 5", audit.ErrTampered, 5},
	{"the same, the rest moved up", "DELETE FROM audit_groups WHERE group_no = 4; DELETE FROM audit_records WHERE group_no = 4; " +
		"UPDATE audit_groups SET group_no = group_no - 1, first_seq = first_seq - 1, last_seq = last_seq - 1 WHERE group_no > 4; " +
		"UPDATE audit_records SET seq = seq - 1, group_no = group_no - 1 WHERE group_no > 4", audit.ErrTampered, 4},
	{"two records swapped", "UPDATE audit_records SET seq = 99 WHERE seq = 8; UPDATE audit_records SET seq = 8 WHERE seq = 9; " +
		"UPDATE audit_records SET seq = 9 WHERE seq = 99", audit.ErrTampered, 5},
	{"two groups' MACs swapped", "CREATE TEMP TABLE m AS SELECT group_no, mac FROM audit_groups; " +
		"UPDATE audit_groups SET mac = (SELECT mac FROM m WHERE m.group_no = 11 - audit_groups.group_no) WHERE group_no IN (5, 6)", audit.ErrTampered, 5},
	{"a record put at the end", "INSERT INTO audit_records SELECT node, 25, 12, at, event, actor, token, service, row_version, detail " +
		"FROM audit_records WHERE seq = 24", audit.ErrTampered, 12},
	{"a group put at the end", "INSERT INTO audit_records SELECT node, 25, 13, at, event, actor, token, service, row_version, detail " +
		"FROM audit_records WHERE seq = 24; INSERT INTO audit_groups SELECT node, 13, 25, 25, mac, zeroblob(32) FROM audit_groups WHERE group_no = 12", audit.ErrTampered, 13},
	{"the tail cut", "DELETE FROM audit_groups WHERE group_no = 12; DELETE FROM audit_records WHERE group_no = 12", audit.ErrBehindAnchor, 12},
	{"everything deleted", "DELETE FROM audit_groups; DELETE FROM audit_records", audit.ErrBehindAnchor, 1},
	{"the node renamed", "UPDATE audit_groups SET node = 'eps-2'; UPDATE audit_records SET node = 'eps-2'", audit.ErrBehindAnchor, 1},
}

func TestTampering(t *testing.T) {
	whole := filled(t, 12)
	for _, c := range tamperings {
		t.Run(c.what, func(t *testing.T) {
			p := whole.copied(t)
			p.edit(t, c.sql)
			wantProblem(t, p.verify(t), c.kind, c.group)
		})
	}
}

func wantProblem(t *testing.T, r audit.Report, kind error, group uint64) {
	t.Helper()
	if r.Problem == nil || !errors.Is(r.Problem, kind) || r.Problem.Group != group {
		t.Errorf("found %v, want %v in group %d", r.Problem, kind, group)
	}
}

// TestAnyField: whichever field of whichever record is changed, it shows, in its group.
func TestAnyField(t *testing.T) {
	whole := filled(t, 12)
	columns := []string{"group_no", "at", "event", "actor", "token", "service", "row_version", "detail"}
	rapid.Check(t, func(r *rapid.T) {
		p := whole.copied(t)
		column := rapid.SampledFrom(columns).Draw(r, "column")
		seq := rapid.IntRange(1, 24).Draw(r, "record")
		p.edit(t, fmt.Sprintf("UPDATE audit_records SET %s = CASE typeof(%[1]s) WHEN 'integer' THEN %[1]s + 1 ELSE %[1]s || ' ' END WHERE seq = %d", column, seq))
		if report := p.verify(t); report.Problem == nil || !errors.Is(report.Problem, audit.ErrTampered) {
			r.Fatalf("not found: %+v", report)
		}
	})
}

// TestRollBack: a database put back to an earlier day is refused at the start, and found
// even where it was carried on without its anchor.
func TestRollBack(t *testing.T) {
	p := filled(t, 6)
	old := p.copied(t)
	st, _ := p.open(t)
	for range 3 {
		if err := record(st, "later", 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	anchor := strings.Join(p.lines(t), "")

	rolledBack := old.copied(t)
	rolledBack.setAnchor(t, anchor)
	st, chain := rolledBack.open(t)
	if err := chain.Open(context.Background(), st); !errors.Is(err, audit.ErrBehindAnchor) {
		t.Errorf("opened with %v", err)
	}
	if err := record(st, "served all the same", 1); !errors.Is(err, audit.ErrBehindAnchor) {
		t.Errorf("a change: %v", err)
	}
	wantProblem(t, rolledBack.verify(t), audit.ErrBehindAnchor, 7)

	carriedOn := old.copied(t)
	st, _ = carriedOn.open(t) // with the old anchor
	for range 5 {
		if err := record(st, "another history", 1); err != nil {
			t.Fatal(err)
		}
	}
	carriedOn.setAnchor(t, anchor)
	st, chain = carriedOn.open(t)
	if err := chain.Open(context.Background(), st); !errors.Is(err, audit.ErrTampered) && !errors.Is(err, audit.ErrAnchorLost) {
		t.Errorf("opened with %v", err)
	}
	wantProblem(t, carriedOn.verify(t), audit.ErrTampered, 7)
}

// TestRollBackWhileRunning: the running chain notices at its next commit.
func TestRollBackWhileRunning(t *testing.T) {
	p := filled(t, 3)
	st, chain := p.open(t)
	if err := chain.Open(context.Background(), st); err != nil {
		t.Fatal(err)
	}
	if err := record(st, "served", 1); err != nil {
		t.Fatal(err)
	}
	p.edit(t, "DELETE FROM audit_groups WHERE group_no > 2", "DELETE FROM audit_records WHERE group_no > 2")
	if err := record(st, "refused", 1); !errors.Is(err, audit.ErrBehindAnchor) {
		t.Errorf("a change: %v", err)
	}
}

// TestRecomputed: who has the database and the anchor's text, but not the key, cannot
// make a history that verifies, with or without the real anchor.
func TestRecomputed(t *testing.T) {
	real := filled(t, 6)
	forged := place(t.TempDir())
	st, err := sqlite.OpenEPS(context.Background(), forged.database())
	if err != nil {
		t.Fatal(err)
	}
	st.SetSealer(audit.New(node, macWith("a guess"), forged.anchor()))
	for i := range 6 {
		if err := record(st, "enrolled", i%3+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, forged.verify(t), audit.ErrTampered, 1)
	forged.setAnchor(t, strings.Join(real.lines(t), ""))
	wantProblem(t, forged.verify(t), audit.ErrTampered, 1)
	if err := os.Remove(forged.anchorPath()); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, forged.verify(t), audit.ErrTampered, 1)
}

// TestForgedByKeyHolder: even with the key, history cannot be changed behind heads that
// are already outside.
func TestForgedByKeyHolder(t *testing.T) {
	real := filled(t, 6)
	other := place(t.TempDir())
	st, _ := other.open(t)
	for i := range 6 {
		if err := record(st, "something else", i%3+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	other.setAnchor(t, strings.Join(real.lines(t), ""))
	wantProblem(t, other.verify(t), audit.ErrTampered, 1)
	st, chain := other.open(t)
	if err := chain.Open(context.Background(), st); !errors.Is(err, audit.ErrTampered) {
		t.Errorf("opened with %v", err)
	}
}

// TestTwoNodes: each node has its own chain in the same database and anchor.
func TestTwoNodes(t *testing.T) {
	p := filled(t, 4)
	st, _ := p.open(t)
	st.SetSealer(audit.New("eps-2", rightMAC, p.anchor()))
	if err := record(st, "on the other node", 2); err != nil {
		t.Fatal(err)
	}
	p.edit(t, "UPDATE audit_records SET event = 'edited' WHERE node = 'eps-2' AND seq = 2")
	if r := p.verify(t); r.Problem != nil || r.Groups != 4 {
		t.Errorf("the first node: %+v: %v", r, r.Problem)
	}
	r, err := audit.Verify(context.Background(), st, "eps-2", rightMAC, p.anchor())
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, r, audit.ErrTampered, 1)
}

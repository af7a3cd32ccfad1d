package audit_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

const node = "eps-1"

var at = time.Date(2026, 11, 22, 10, 11, 12, 123456000, time.UTC)

// macWith stands where the HSM's key is in an EPS.
func macWith(key string) audit.MAC {
	return func(_ context.Context, data []byte) ([]byte, error) {
		h := hmac.New(sha256.New, []byte(key))
		h.Write(data)
		return h.Sum(nil), nil
	}
}

var rightMAC = macWith("the audit key in the HSM")

// place is a directory with a database and, in real life elsewhere, its anchor.
type place string

func (p place) database() string    { return filepath.Join(string(p), "eps.db") }
func (p place) anchor() *audit.File { return audit.FileAnchor(p.anchorPath()) }
func (p place) anchorPath() string  { return filepath.Join(string(p), "anchor") }

// open opens the database with its chain.
func (p place) open(t testing.TB) (store.EPS, *audit.Chain) {
	t.Helper()
	st, err := sqlite.OpenEPS(context.Background(), p.database())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	chain := audit.New(node, rightMAC, p.anchor())
	st.SetSealer(chain)
	return st, chain
}

// record commits one group of n records.
func record(st store.EPS, what string, n int) error {
	return st.Update(context.Background(), func(tx store.Tx) error {
		for i := range n {
			err := tx.Audit(store.AuditRecord{
				At: at, Event: what, Actor: "CN=bank", Token: reference.TokenID(fmt.Sprintf("TOKEN%d", i)),
				Service: "bank.example", RowVersion: uint64(i), Detail: fmt.Sprintf(`{"n":%d}`, i),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// filled makes a place with groups of 1, 2, 3, 1, 2, 3 … records.
func filled(t testing.TB, groups int) place {
	t.Helper()
	p := place(t.TempDir())
	st, _ := p.open(t)
	for i := range groups {
		if err := record(st, "enrolled", i%3+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return p
}

// copied gives the same place once more, to be spoilt.
func (p place) copied(t testing.TB) place {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(string(p))); err != nil {
		t.Fatal(err)
	}
	return place(dir)
}

func (p place) verify(t testing.TB) audit.Report {
	t.Helper()
	st, _ := p.open(t)
	report, err := audit.Verify(context.Background(), st, node, rightMAC, p.anchor())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// lines of the anchor.
func (p place) lines(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile(p.anchorPath())
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n")
}

func (p place) setAnchor(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(p.anchorPath(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWhole: an honest chain verifies, and every head of it is outside.
func TestWhole(t *testing.T) {
	p := filled(t, 12)
	want := audit.Report{Node: node, Groups: 12, Records: 24, Anchored: 12}
	if got := p.verify(t); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	st, chain := p.open(t)
	if err := chain.Open(context.Background(), st); err != nil {
		t.Errorf("open: %v", err)
	}
}

// TestVector fixes the bytes that the MAC covers: CBOR[node, group, first, last, previous
// MAC, SHA-256(CBOR of the records)]. A chain written today is verified for years.
func TestVector(t *testing.T) {
	var covered []byte
	chain := audit.New(node, func(_ context.Context, data []byte) ([]byte, error) {
		covered = data
		return []byte{1, 2, 3}, nil
	}, audit.FileAnchor(filepath.Join(t.TempDir(), "anchor")))
	_, err := chain.Seal(context.Background(), store.AuditGroup{Node: node}, []store.AuditRecord{{
		At: at, Event: "enrolled", Actor: "CN=bank", Token: "T", Service: "s", RowVersion: 1, Detail: "{}",
	}})
	if err != nil {
		t.Fatal(err)
	}
	// 86: array of 6; 65 …: "eps-1"; 01, 01, 01: group, first, last; 40: no previous MAC; 5820 …: the digest
	digest := sha256.Sum256(unhex(t, "81"+ // one record
		"8a"+"01"+"01"+"65"+hex.EncodeToString([]byte(node))+"1b"+fmt.Sprintf("%016x", at.UnixMicro())+
		"68"+hex.EncodeToString([]byte("enrolled"))+"67"+hex.EncodeToString([]byte("CN=bank"))+
		"6154"+"6173"+"01"+"627b7d"))
	want := "86" + "65" + hex.EncodeToString([]byte(node)) + "010101" + "40" + "5820" + hex.EncodeToString(digest[:])
	if got := hex.EncodeToString(covered); got != want {
		t.Errorf("the MAC covers %s\nwant             %s", got, want)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCrash: what a crash between the commit and the anchor leaves out is put there at
// the next start; more than that is for a person.
func TestCrash(t *testing.T) {
	whole := filled(t, 5)
	lines := whole.lines(t)
	for _, c := range []struct {
		what   string
		anchor string
		want   error
	}{
		{"nothing is missing", strings.Join(lines, ""), nil},
		{"the last head is missing", strings.Join(lines[:4], ""), nil},
		{"the last head is torn", strings.Join(lines[:4], "") + lines[4][:20], nil},
		{"only the last newline is missing", strings.TrimSuffix(strings.Join(lines, ""), "\n"), nil},
		{"two heads are missing", strings.Join(lines[:3], ""), audit.ErrAnchorLost},
		{"the anchor is empty", "", audit.ErrAnchorLost},
		{"an older head is missing", lines[0] + strings.Join(lines[2:], ""), nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := whole.copied(t)
			p.setAnchor(t, c.anchor)
			st, chain := p.open(t)
			if err := chain.Open(context.Background(), st); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
				t.Fatalf("open: %v, want %v", err, c.want)
			}
			if c.want != nil {
				if err := record(st, "refused", 1); !errors.Is(err, c.want) {
					t.Errorf("a change: %v", err)
				}
				if err := chain.Reanchor(context.Background(), st); err != nil {
					t.Errorf("a person starts the anchor anew: %v", err)
				}
			}
			if err := record(st, "served", 1); err != nil {
				t.Error(err)
			}
			if r := p.verify(t); r.Problem != nil || r.Groups != 6 {
				t.Errorf("%+v: %v", r, r.Problem)
			}
		})
	}
}

// TestAnchorFails: a head that cannot be put outside is told, and nothing more is
// committed until it is there.
func TestAnchorFails(t *testing.T) {
	p := filled(t, 2)
	st, chain := p.open(t)
	if err := chain.Open(context.Background(), st); err != nil {
		t.Fatal(err)
	}
	away := p.anchorPath() + ".away"
	if err := os.Rename(p.anchorPath(), away); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(p.anchorPath(), 0o700); err != nil { // where a file should be
		t.Fatal(err)
	}
	for _, what := range []string{"committed, not outside", "refused"} {
		if err := record(st, what, 1); !errors.Is(err, reference.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Remove(p.anchorPath()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, p.anchorPath()); err != nil {
		t.Fatal(err)
	}
	if err := record(st, "served", 1); err != nil {
		t.Error(err)
	}
	if r := p.verify(t); r.Problem != nil || r.Groups != 4 || r.Anchored != 4 {
		t.Errorf("%+v: %v", r, r.Problem)
	}
}

// TestFlood: one chain under many writers stays whole, and a verifier beside them finds
// no fault in a chain that grows.
func TestFlood(t *testing.T) {
	p := place(t.TempDir())
	st, _ := p.open(t)
	done := make(chan error)
	const writers, each = 8, 25
	for range writers {
		go func() {
			var failed error
			for range each {
				failed = errors.Join(failed, record(st, "enrolled", 2))
			}
			done <- failed
		}()
	}
	for range writers {
		if r, err := audit.Verify(context.Background(), st, node, rightMAC, p.anchor()); err != nil || r.Problem != nil {
			t.Errorf("%+v: %v, %v", r, r.Problem, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if r := p.verify(t); r.Problem != nil || r.Records != writers*each*2 || r.Anchored != r.Groups {
		t.Errorf("%+v: %v", r, r.Problem)
	}
}

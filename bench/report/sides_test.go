package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

// sampleSides is the sample held against one on another HSM, in which four things differ: a
// claim that failed passes, one was not asked for, one is new, and one failed in a case more.
func sampleSides() report.Sides {
	a, b := sample(), sample()
	b.Run.ID, b.Run.Seed, b.Run.HSM = "20260103T030405Z-11aa22", 1, map[string]string{"kind": "SoftHSM", "version": "2.6.1", "strategy Deliver": "gcm"}
	change := func(r report.Report, id string, f func(*report.Claim)) {
		f(&r.Claims[slices.IndexFunc(r.Claims, func(c report.Claim) bool { return c.ID == id })])
	}
	change(b, "ST-6.3-8", func(c *report.Claim) {
		c.Verdict, c.Reason = conformance.Pass, "64 of 64 cases passed"
		for i := range c.Cases {
			c.Cases[i].Verdict = conformance.Pass
		}
	})
	change(a, "ST-2.1-e", func(c *report.Claim) { c.Unselected = true })
	change(b, "ST-B1", func(c *report.Claim) { c.Unselected = true })
	change(b, "ST-6.1-c", func(c *report.Claim) {
		c.Cases = append(c.Cases, report.Case{ID: "pin/more", Verdict: conformance.Pass, Observed: "<b>more</b>"})
	})
	return report.SideBySide(a, b)
}

func pairOf(t *testing.T, s report.Sides, id string) report.Pair {
	t.Helper()
	i := slices.IndexFunc(s.Pairs, func(p report.Pair) bool { return p.ID == id })
	if i < 0 {
		t.Fatalf("%s is not among what differs", id)
	}
	return s.Pairs[i]
}

func TestSidesPutWhatDiffersFirst(t *testing.T) {
	s := sampleSides()
	if len(s.Pairs) != 3 || s.LeftOut != 2 || s.Word() != "DIFFERENT" {
		t.Fatalf("%d pairs, %d left out, %s", len(s.Pairs), s.LeftOut, s.Word())
	}
	if s.Sentence() != "2 claims have another verdict; 1 claim has the same one from cases that differ." {
		t.Error(s.Sentence())
	}
	failed := pairOf(t, s, "ST-6.3-8")
	if s.Pairs[0].ID != failed.ID || failed.A.Verdict != "FAIL" || failed.B.Verdict != "PASS" || failed.Same() {
		t.Errorf("first comes %s", s.Pairs[0].ID)
	}
	if len(failed.Cases) != 1 || failed.Cases[0].ID != "mpp/flips/17" || failed.Others != 1 {
		t.Errorf("%d cases differ, %d do not", len(failed.Cases), failed.Others)
	}
	if p := pairOf(t, s, "ST-2.1-e"); p.A != nil || p.B == nil || p.Cases != nil {
		t.Error("a side that was not asked has a verdict")
	}
	last := s.Pairs[len(s.Pairs)-1]
	if last.ID != "ST-6.1-c" || !last.Same() || last.Cases[0].A != nil {
		t.Errorf("a claim of which a case is new comes last, not %s", last.ID)
	}
	n := 0
	for _, e := range s.Equal {
		n += e.Claims
	}
	if all := len(sample().Claims); n != all-len(s.Pairs)-s.LeftOut {
		t.Errorf("%d of %d claims are counted as equal", n, all)
	}
	heads := map[string]bool{}
	for _, h := range s.Heads {
		heads[h.Name] = h.Differs()
	}
	if !heads["HSM"] || !heads["HSM: Deliver"] || heads["Store"] || heads["Seed"] {
		t.Errorf("heads that differ: %v", heads)
	}
}

func TestSidesOfOneReportAreEqual(t *testing.T) {
	s := report.SideBySide(sample(), sample())
	if s.Word() != "EQUAL" || len(s.Pairs) != 0 {
		t.Errorf("%s, %d pairs", s.Word(), len(s.Pairs))
	}
	if text := sidesPage(t, s); !strings.Contains(text, "No claim and no case has another verdict.") {
		t.Error("the page does not say that nothing differs")
	}
}

func sidesPage(t *testing.T, s report.Sides) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Run with -artifacts to look at it.
func TestPageOfSidesIsWholeAndSelfContained(t *testing.T) {
	s := sampleSides()
	text := sidesPage(t, s)
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "diff.html"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	seen := selfContained(t, root, text)
	for _, p := range s.Pairs {
		n := seen[p.ID]
		if n == nil {
			t.Errorf("%s is not on the page", p.ID)
			continue
		}
		words := allText(n)
		for _, c := range []*report.Claim{p.A, p.B} {
			if c != nil && (!strings.Contains(words, string(c.Verdict)) || !strings.Contains(words, strings.ReplaceAll(c.Reason, "\x00", "\ufffd"))) {
				t.Errorf("%s lacks %s or its reason", p.ID, c.Verdict)
			}
		}
	}
	if strings.Contains(text, "<b>more</b>") {
		t.Error("text of a target became markup")
	}
}

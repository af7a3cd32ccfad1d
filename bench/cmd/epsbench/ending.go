package main

import (
	"fmt"
	"strings"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

// signs are how a verdict looks in the table of families; the word follows where
// the sign alone would not be understood.
var signs = map[conformance.Verdict]struct{ text, colour string }{
	conformance.Pass:           {"✓", green},
	conformance.Fail:           {"✗ FAIL", red},
	conformance.HarnessError:   {"‼ HARNESS-ERROR", red},
	conformance.Blocked:        {"⊘ BLOCKED", amber},
	conformance.Inconclusive:   {"? INCONCLUSIVE", amber},
	conformance.Excluded:       {"– EXCLUDED", amber},
	conformance.Warn:           {"! WARN", amber},
	conformance.NotImplemented: {"not implemented", dim},
	conformance.NotApplicable:  {"not applicable", dim},
}

// end shows the table by family, what needs a person, and the verdict.
func (s *screen) end(r report.Report, diff *report.Diff, path string) {
	for _, e := range r.Summary.Families {
		s.family(r, e)
	}
	s.print("\n  %s\n", report.Counts(r.Claims))
	s.needed(r)
	if diff != nil {
		s.differences(*diff)
	}
	colour := map[int]string{report.ExitPass: green, report.ExitIncomplete: amber}[r.Summary.Exit]
	if colour == "" {
		colour = red
	}
	partial := ""
	if r.Run.Focus != "" {
		partial = " (partial)"
	}
	s.print("\n%s%s in %.0f s → %s\n", s.paint(colour, r.Summary.Word), partial, r.Run.Seconds, path)
	s.print("%s\n", r.Summary.Sentence)
	for line := range strings.Lines(r.Summary.Reason) {
		s.print("  %s\n", strings.TrimSuffix(line, "\n"))
	}
}

func (s *screen) family(r report.Report, e report.Ended) {
	n, cases, claims, shown := map[conformance.Verdict]int{}, 0, 0, 0
	var family []report.Claim
	for _, c := range r.Claims {
		if c.Family != e.Family || c.Unselected || c.Status != conformance.Automated {
			continue
		}
		claims++
		family = append(family, c)
		cases += len(c.Cases)
		if c.Shown {
			shown++
			continue
		}
		n[c.Verdict]++
	}
	var words, painted []string
	for _, v := range append([]conformance.Verdict{conformance.Pass}, conformance.Verdicts()...) {
		if n[v] == 0 {
			continue
		}
		word := fmt.Sprintf("%d %s", n[v], signs[v].text)
		words, painted = append(words, word), append(painted, s.paint(signs[v].colour, word))
		n[v] = 0
	}
	if shown > 0 {
		word := fmt.Sprintf("%d shown", shown)
		words, painted = append(words, word), append(painted, s.paint(dim, word))
	}
	gap := strings.Repeat(" ", max(0, 24-len([]rune(strings.Join(words, "  ")))))
	s.print("  %-10s %3d %s %5d %s   %s%s %6.1f s\n", e.Family, claims, many(claims, "claim", 6), cases, many(cases, "case", 5),
		strings.Join(painted, "  "), gap, e.Seconds)
	if why := report.None(family); why != "" {
		s.print("             %s\n", s.paint(dim, why))
	}
}

// many is the word in its number, padded.
func many(n int, one string, width int) string {
	if n != 1 {
		one += "s"
	}
	return fmt.Sprintf("%-*s", width, one)
}

// needed prints what a person must look at: findings in full, other claims in a
// line, or many in one where the reason is the same.
func (s *screen) needed(r report.Report) {
	ids := map[string][]string{}
	for _, c := range r.Claims {
		ids[string(c.Verdict)+c.Reason] = append(ids[string(c.Verdict)+c.Reason], c.ID)
	}
	for _, v := range conformance.Verdicts() {
		for _, c := range r.Claims {
			if c.Verdict != v || c.Unselected || v == conformance.Pass || signs[v].colour == dim || signs[v].text == "" {
				continue
			}
			same := ids[string(v)+c.Reason]
			switch {
			case v == conformance.Fail:
				s.finding(c, r.Run.Repeat)
			case len(same) <= few:
				s.print("  %s %s  %s  %s\n", s.sign(v), c.ID, v, oneLine(c.Reason))
			case same[0] == c.ID:
				s.print("  %s %s and %d more  %s  %s\n", s.sign(v), c.ID, len(same)-1, v, oneLine(c.Reason))
			}
		}
	}
}

// few claims with the same reason have a line each.
const few = 3

func (s *screen) sign(v conformance.Verdict) string {
	sign, _, _ := strings.Cut(signs[v].text, " ")
	return s.paint(signs[v].colour, sign)
}

// finding prints claim, expectation, observation, and the command that repeats just it.
func (s *screen) finding(c report.Claim, repeat string) {
	s.print("\n  %s %s  %s  (%s)\n", s.paint(red, "✗ FAIL"), c.ID, c.Title, c.Source)
	failed := 0
	for _, k := range c.Cases {
		if k.Verdict != conformance.Fail {
			continue
		}
		if failed++; failed > 1 {
			continue
		}
		s.print("      expected  %s\n      observed  %s\n      case      %s\n", oneLine(k.Expected), oneLine(k.Observed), k.ID)
	}
	if failed > 1 {
		s.print("      failed    %d of %d cases; this is the first\n", failed, len(c.Cases))
	}
	s.print("      repeat    %s\n", report.Repeat(repeat, c.ID))
}

func (s *screen) differences(d report.Diff) {
	if len(d.Changes) > 0 {
		s.print("\n  different from the baseline:\n")
	}
	for _, c := range d.Changes {
		s.print("    %s\n", c)
	}
	if d.LeftOut > 0 {
		s.print("\n  %d claims were compared with the baseline; %d others are outside --focus\n", d.Compared, d.LeftOut)
	}
}

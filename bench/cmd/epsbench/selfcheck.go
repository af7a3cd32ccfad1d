package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
)

// selfcheckCommand proves that the suites would catch a broken target.
type selfcheckCommand struct {
	targetFlags
	Format string `default:"table" enum:"table,json" help:"table or json (${default})."`
}

// selfcheckJSON is what the command leaves in the output directory.
const selfcheckJSON = "selfcheck.json"

// Run is called by kong.
func (c *selfcheckCommand) Run(a *app) error {
	if err := c.known(); err != nil {
		return err
	}
	path := filepath.Join(c.Out, selfcheckJSON)
	if err := os.RemoveAll(path); err != nil {
		return &run.UsageError{What: err.Error(), Mend: "choose another directory with --out"}
	}
	config := c.config(a)
	screened := *a
	if c.Format == "json" {
		screened.out = os.Stderr // standard output is for the matrix alone
	}
	s := newScreen(&screened, config)
	s.prepare()
	m, err := run.Selfcheck(a.ctx, a.Registry, config, s.watch)
	s.clear()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return err
	}
	a.exit = m.Exit()
	if c.Format == "json" {
		return printJSON(a.out, m)
	}
	printMatrix(a, s, m, path)
	return nil
}

// printMatrix shows claim × mutant with the case and the observation that killed.
func printMatrix(a *app, s *screen, m run.Matrix, path string) {
	kills := slices.Clone(m.Kills)
	slices.SortStableFunc(kills, func(x, y run.Kill) int { return cmp.Compare(a.place(x.Claim), a.place(y.Claim)) })
	killed, claim := 0, ""
	for _, k := range kills {
		if k.Claim != claim {
			claim = k.Claim
			s.print("\n%s\n", claim)
		}
		sign, what := s.paint(green, "✓"), k.Case+": "+k.Observed
		if k.Again {
			what = "at the second run: " + what
		}
		if k.Killed {
			killed++
		} else {
			sign, what = s.paint(red, "✗ SURVIVES"), k.Why
		}
		s.print("  %s %s\n      %s\n", sign, k.Mutant, s.paint(dim, cut(what, s.rest(6))))
	}
	if len(m.Idle) > 0 {
		s.print("\n")
	}
	for _, id := range m.Idle {
		s.print("  %s %s is automated and kills no mutant\n", s.paint(red, "✗ IDLE"), id)
	}
	if len(m.Elsewhere) > 0 {
		s.print("\n  not applicable to this target, so not proven here: %s\n", strings.Join(m.Elsewhere, ", "))
	}
	word, colour := "PASS", green
	switch m.Exit() {
	case report.ExitFail:
		word, colour = "FAIL", red
	case report.ExitIncomplete:
		word, colour = "INCOMPLETE", amber
	case report.ExitHarness:
		word, colour = "HARNESS-ERROR", red
	}
	s.print("\n%s: %d of %d kills, %d idle → %s\n", s.paint(colour, word), killed, len(m.Kills), len(m.Idle), path)
}

// place is where a claim stands in the catalogue.
func (a *app) place(id string) int {
	return slices.IndexFunc(a.Claims, func(c conformance.Claim) bool { return c.ID == id })
}

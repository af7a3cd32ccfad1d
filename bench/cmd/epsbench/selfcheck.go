package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
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
	s.status("preparing the target")
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
	var rows []table.Row
	killed := 0
	for _, k := range m.Kills {
		sign, what := "✓", k.Case+": "+cut(k.Observed, 90)
		if k.Killed {
			killed++
		} else {
			sign, what = "✗ SURVIVES", k.Why
		}
		rows = append(rows, table.Row{k.Claim, k.Mutant, sign, what})
	}
	fmt.Fprintln(a.out)
	printTable(a.out, table.Row{"claim", "mutant", "", "killed by: observed"}, rows)
	for _, id := range m.Idle {
		s.print("  %s %s is automated and kills no mutant\n", s.paint(red, "✗ IDLE"), id)
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

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target/fault"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/crash"
)

// crashCommand kills servers many times, and says what is left.
type crashCommand struct {
	Kills int    `default:"1000" placeholder:"N" help:"How many at least (${default})."`
	Store string `default:"sqlite" enum:"sqlite,mariadb,both" placeholder:"STORE" help:"sqlite, mariadb or both (${default})."`
	HSM   string `name:"hsm" default:"emulator" placeholder:"HSM" help:"emulator or softhsm (${default})."`
	Out   string `default:"out" placeholder:"DIR" help:"Where the outputs go (${default}/)."`
	Seed  *int64 `placeholder:"N" help:"Fixes the order of the kills; default: random."`
}

// crashJSON is what the command leaves in the output directory.
const crashJSON = "crash.json"

// Run is called by kong.
func (c *crashCommand) Run(a *app) error {
	if c.Kills < 1 {
		return &run.UsageError{What: fmt.Sprintf("--kills %d", c.Kills), Mend: "ask for at least one"}
	}
	path := filepath.Join(c.Out, crashJSON)
	if err := os.RemoveAll(path); err != nil {
		return &run.UsageError{What: err.Error(), Mend: "choose another directory with --out"}
	}
	flags := targetFlags{Target: a.Targets[0].Name, HSM: c.HSM, Store: c.Store, Profile: string(conformance.Quick), Out: c.Out, Seed: c.Seed}
	config := flags.config(a)
	s := newScreen(a, config)
	s.status("preparing the target")
	stores := []string{c.Store}
	if c.Store == "both" {
		stores = []string{"sqlite", "mariadb"}
	}
	start := time.Now()
	k, err := run.Crash(a.ctx, a.Registry, config, stores, c.Kills, crash.Rounds(conformance.Quick)*fault.Kills(), s.watch)
	s.clear()
	if err != nil {
		return err
	}
	k.Seconds = time.Since(start).Seconds()
	data, err := json.MarshalIndent(k, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return err
	}
	a.exit = k.Exit()
	printKills(a, s, k, path)
	return nil
}

// printKills shows point × outcome, then what was found.
func printKills(a *app, s *screen, k run.Kills, path string) {
	var rows []table.Row
	for _, r := range k.Rows {
		rows = append(rows, table.Row{r.Store, r.Operation, r.Server, r.Point, r.Kills, r.Acknowledged, r.Nothing, r.All, r.Violations})
	}
	t := k.Total
	rows = append(rows, table.Row{"", "", "", "in all", t.Kills, t.Acknowledged, t.Nothing, t.All, t.Violations})
	s.print("\n")
	printTable(a.out, table.Row{"store", "operation", "server", "point", "kills", "acknowledged", "nothing", "all", "violations"}, rows)
	s.print("\n")
	for _, v := range k.Found {
		s.print("  %s %s, %s\n      %s\n", s.paint(red, "✗"), v.Store, v.Case, v.Observed)
	}
	for _, trouble := range k.Trouble {
		s.print("  %s %s\n", s.paint(red, "‼"), trouble)
	}
	word, colour := "PASS", green
	switch a.exit {
	case report.ExitFail:
		word, colour = "FAIL", red
	case report.ExitIncomplete:
		word, colour = "INCOMPLETE", amber
	case report.ExitHarness:
		word, colour = "HARNESS-ERROR", red
	}
	s.print("%s: %d kills in %.0f s, seed %d: %d violations → %s\n", s.paint(colour, word), t.Kills, k.Seconds, k.Seed, len(k.Found), path)
	if a.exit == report.ExitPass {
		s.print("Nothing that was acknowledged is lost, and no token was delivered twice.\n")
	}
}

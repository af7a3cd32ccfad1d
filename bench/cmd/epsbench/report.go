package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
)

// reportCommand works on reports that exist.
type reportCommand struct {
	Show showCommand `cmd:"" help:"Print what a report.json says."`
	Diff diffCommand `cmd:"" help:"Compare the verdicts of two; exit 0 when they are equal, 1 when any differs."`
}

// showCommand prints a report as the end of a run does.
type showCommand struct {
	File string `arg:"" help:"A report.json."`
}

// Run is called by kong.
func (c *showCommand) Run(a *app) error {
	r, err := open(c.File)
	if err != nil {
		return err
	}
	options := run.Options{Seed: r.Run.Seed, Profile: conformance.Profile(r.Run.Profile)}
	s := newScreen(a, run.Config{Focus: r.Run.Focus, Options: options})
	s.head(conformance.Identity{Name: r.Run.Target["name"], Version: r.Run.Target["version"], HSM: r.Run.HSM, Store: r.Run.Store})
	s.end(r, nil, c.File)
	return nil
}

// diffCommand compares.
type diffCommand struct {
	A    string `arg:"" help:"A report.json: in a pipeline the earlier, or the baseline."`
	B    string `arg:"" help:"The one to hold against it."`
	HTML string `name:"html" placeholder:"FILE" help:"Leave a page with both sides here: heads, verdicts, reasons and observations."`
}

// Help is printed by kong below the summary.
func (*diffCommand) Help() string {
	return "Exit code: 0 when no verdict of a claim or case differs, 1 when one does, 2 for wrong usage."
}

// Run is called by kong.
func (c *diffCommand) Run(a *app) error {
	left, err := open(c.A)
	if err != nil {
		return err
	}
	right, err := open(c.B)
	if err != nil {
		return err
	}
	s := report.SideBySide(left, right)
	if len(s.Changes) > 0 {
		a.exit = report.ExitFail
	}
	printSides(a.out, s)
	if c.HTML == "" {
		return nil
	}
	var page bytes.Buffer
	if err := s.HTML(&page); err != nil {
		return err
	}
	if err := os.WriteFile(c.HTML, page.Bytes(), 0o644); err != nil {
		return &run.UsageError{What: "--html: " + err.Error(), Mend: "name a file in a directory that exists"}
	}
	fmt.Fprintf(a.out, "→ %s\n", c.HTML)
	return nil
}

func open(path string) (report.Report, error) {
	r, err := report.Open(path)
	if errors.Is(err, report.ErrNotReport) {
		err = fmt.Errorf("%s is %w", path, report.ErrNotReport) // not what the schema says of each field
	}
	if err != nil {
		return r, &run.UsageError{What: err.Error(), Mend: "give a report.json, as epsbench run leaves it"}
	}
	return r, nil
}

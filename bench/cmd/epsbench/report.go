package main

import (
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
)

// reportCommand works on reports that exist.
type reportCommand struct {
	Show showCommand `cmd:"" help:"Print what a report.json says."`
	Diff diffCommand `cmd:"" help:"List the verdicts that differ between two; exit 1 when any does."`
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
	Was string `arg:"" help:"The earlier report.json."`
	Is  string `arg:"" help:"The later one."`
}

// Run is called by kong.
func (c *diffCommand) Run(a *app) error {
	was, err := open(c.Was)
	if err != nil {
		return err
	}
	is, err := open(c.Is)
	if err != nil {
		return err
	}
	d := report.Compare(was.Claims, is.Claims)
	for _, change := range d.Changes {
		fmt.Fprintln(a.out, change)
	}
	if len(d.Changes) > 0 {
		a.exit = report.ExitFail
		return nil
	}
	fmt.Fprintf(a.out, "no verdict differs; claims compared: %d, outside the later run: %d\n", d.Compared, d.LeftOut)
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

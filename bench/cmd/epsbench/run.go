package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
)

// runCommand judges a target.
type runCommand struct {
	targetFlags
	Baseline string `placeholder:"FILE" help:"An earlier report.json: exit 0 when nothing differs from it, 1 when anything does."`
	JUnit    string `name:"junit" placeholder:"FILE" help:"Write the JUnit file here too."`
}

// Run is called by kong.
func (c *runCommand) Run(a *app) error {
	if err := c.known(); err != nil {
		return err
	}
	if err := c.apart(); err != nil {
		return err
	}
	baseline, err := c.readBaseline()
	if err != nil {
		return err
	}
	config := c.config(a)
	if err := a.Accepts(config); err != nil {
		return err // before an earlier report is taken away
	}
	if err := clean(c.Out); err != nil {
		return err
	}
	if err := writable(c.JUnit); err != nil {
		return err
	}
	s := newScreen(a, config)
	s.prepare()
	r, err := run.Run(a.ctx, a.Registry, config, s.watch)
	s.clear()
	if err != nil {
		return err
	}
	var diff *report.Diff
	if baseline != nil {
		d := r.Against(*baseline)
		diff = &d
	}
	path, err := write(r, c.Out, c.JUnit)
	if err != nil {
		return err
	}
	s.end(r, diff, path)
	a.exit = r.Summary.Exit
	return nil
}

// apart refuses files that the outputs of this run would be written over.
func (c *runCommand) apart() error {
	for _, f := range []struct{ flag, path string }{{"--baseline", c.Baseline}, {"--junit", c.JUnit}} {
		for _, output := range []string{reportJSON, reportHTML} {
			if f.path != "" && filepath.Clean(f.path) == filepath.Join(c.Out, output) {
				return &run.UsageError{What: fmt.Sprintf("%s %s would be written over by this run", f.flag, f.path), Mend: "choose another directory with --out"}
			}
		}
	}
	return nil
}

func (c *runCommand) readBaseline() (*report.Report, error) {
	if c.Baseline == "" {
		return nil, nil
	}
	r, err := report.Open(c.Baseline)
	if err != nil {
		return nil, &run.UsageError{What: "--baseline: " + err.Error(), Mend: "give the report.json of an earlier run"}
	}
	if r.Run.Profile != c.Profile {
		return nil, &run.UsageError{What: fmt.Sprintf("--baseline %s is of profile %s, this run is %s", c.Baseline, r.Run.Profile, c.Profile),
			Mend: "add: --profile " + r.Run.Profile}
	}
	return &r, nil
}

// outputs of a run, in its directory.
const (
	reportJSON = "report.json"
	reportHTML = "report.html"
	junitXML   = "junit.xml"
)

// clean makes the directory and takes away the outputs of an earlier run: a run that
// ends early must not leave another's verdict behind.
func clean(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &run.UsageError{What: err.Error(), Mend: "choose another directory with --out"}
	}
	for _, name := range []string{reportJSON, reportHTML, junitXML} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &run.UsageError{What: err.Error(), Mend: "choose another directory with --out"}
		}
	}
	return nil
}

// writable finds out before the run whether a file can be written.
func writable(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return &run.UsageError{What: "--junit: " + err.Error(), Mend: "name a file in a directory that exists"}
	}
	return nil
}

// write leaves the report in its three forms and gives the path of the one to read.
func write(r report.Report, dir, junit string) (string, error) {
	var html, xml bytes.Buffer
	json, err := r.Encode()
	if err = errors.Join(err, r.HTML(&html), r.JUnit(&xml)); err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	files := []struct {
		path string
		data []byte
	}{
		{filepath.Join(dir, reportJSON), json},
		{filepath.Join(dir, reportHTML), html.Bytes()},
		{filepath.Join(dir, junitXML), xml.Bytes()},
		{junit, xml.Bytes()},
	}
	for _, f := range files {
		if f.path == "" {
			continue
		}
		if err := os.WriteFile(f.path, f.data, 0o644); err != nil {
			return "", fmt.Errorf("write the report: %w", err)
		}
	}
	return filepath.Join(dir, reportHTML), nil
}

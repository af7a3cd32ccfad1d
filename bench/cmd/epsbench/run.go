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
	heldFlags
}

// heldFlags are of the commands that judge once.
type heldFlags struct {
	Baseline string `placeholder:"FILE" help:"An earlier report.json: exit 0 when nothing differs from it, 1 when anything does."`
	JUnit    string `name:"junit" placeholder:"FILE" help:"Write the JUnit file here too."`
}

// Run is called by kong.
func (c *runCommand) Run(a *app) error {
	if err := c.known(); err != nil {
		return err
	}
	return c.judge(a, c.config(a))
}

// judge runs what config asks for, and leaves the report.
func (h *heldFlags) judge(a *app, config run.Config) error {
	if err := h.apart(config.Out); err != nil {
		return err
	}
	baseline, err := h.readBaseline(string(config.Options.Profile))
	if err != nil {
		return err
	}
	if err := a.Accepts(config); err != nil {
		return err // before an earlier report is taken away
	}
	if err := clean(config.Out); err != nil {
		return err
	}
	if err := writable(h.JUnit); err != nil {
		return err
	}
	s := newScreen(a, config)
	s.prepare()
	r, err := run.Run(a.ctx, a.Registry, config, s.watch)
	s.clear()
	var unusable *run.UnusableError
	if errors.As(err, &unusable) {
		path, failed := write(r, config.Out, h.JUnit)
		if failed == nil {
			s.print("%s → %s\n", s.paint(red, r.Summary.Word), path)
		}
		return errors.Join(err, failed)
	}
	if err != nil {
		return err
	}
	var diff *report.Diff
	if baseline != nil {
		d := r.Against(*baseline)
		diff = &d
	}
	path, err := write(r, config.Out, h.JUnit)
	if err != nil {
		return err
	}
	s.end(r, diff, path)
	a.exit = r.Summary.Exit
	return nil
}

// apart refuses files that the outputs of this run would be written over.
func (h *heldFlags) apart(out string) error {
	for _, f := range []struct{ flag, path string }{{"--baseline", h.Baseline}, {"--junit", h.JUnit}} {
		for _, output := range []string{reportJSON, reportHTML} {
			if f.path != "" && filepath.Clean(f.path) == filepath.Join(out, output) {
				return &run.UsageError{What: fmt.Sprintf("%s %s would be written over by this run", f.flag, f.path), Mend: "choose another directory with --out"}
			}
		}
	}
	return nil
}

func (h *heldFlags) readBaseline(profile string) (*report.Report, error) {
	if h.Baseline == "" {
		return nil, nil
	}
	r, err := report.Open(h.Baseline)
	if err != nil {
		return nil, &run.UsageError{What: "--baseline: " + err.Error(), Mend: "give the report.json of an earlier run"}
	}
	if r.Run.Profile != profile {
		return nil, &run.UsageError{What: fmt.Sprintf("--baseline %s is of profile %s, this run is %s", h.Baseline, r.Run.Profile, profile),
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

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// traceCommand shows what a program did to its token.
type traceCommand struct {
	File     string   `arg:"" help:"A trace, as trace: {file: …} of EPSEMU_CONF leaves it; - reads standard input."`
	Function []string `placeholder:"C_NAME" help:"Only calls of this function; may be given more than once."`
	Errors   bool     `help:"Only calls that returned anything but CKR_OK."`
	Summary  bool     `help:"Only the summary by function."`
}

// Run is called by kong. What stands before a broken line is shown, then the error.
func (c *traceCommand) Run(a *app) error {
	for _, f := range c.Function {
		if _, ok := cryptoki.FunctionNamed(f); !ok {
			return &run.UsageError{What: fmt.Sprintf("no function is called %q", f), Mend: "a name of PKCS#11, as C_Sign"}
		}
	}
	in, err := openTrace(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	records, broken := c.read(in)
	if !c.Summary {
		printTable(a.out, table.Row{"time (UTC)", "function", "mechanism", "objects", "made", "in", "out", "took", "result"}, calls(records))
		fmt.Fprintln(a.out)
	}
	printTable(a.out, table.Row{"function", "calls", "errors", "p50", "p99"}, sums(records))
	if broken != nil {
		return &run.UsageError{What: fmt.Sprintf("%s: %v", c.File, broken), Mend: "the calls before that line are shown"}
	}
	return nil
}

func openTrace(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &run.UsageError{What: err.Error(), Mend: "a trace is left by trace: {file: …} in the file of EPSEMU_CONF"}
	}
	return f, nil
}

// read gives the records that were asked for, up to the first line that is none.
func (c *traceCommand) read(r io.Reader) ([]trace.Record, error) {
	var out []trace.Record
	for rec, err := range trace.Read(r) {
		if err != nil {
			return out, err
		}
		if c.wants(rec) {
			out = append(out, rec)
		}
	}
	return out, nil
}

func (c *traceCommand) wants(r trace.Record) bool {
	named := len(c.Function) == 0
	for _, f := range c.Function {
		named = named || f == r.Function
	}
	return named && (r.Failed() || !c.Errors)
}

func calls(records []trace.Record) []table.Row {
	var rows []table.Row
	for _, r := range records {
		rows = append(rows, table.Row{r.At.UTC().Format("15:04:05.000000"), r.Function, strings.TrimPrefix(r.Mechanism, "CKM_"),
			objects(r.Objects, r.Labels), objects(r.Made, r.Labels[min(len(r.Objects), len(r.Labels)):]), numbers(r.In), numbers(r.Out), short(r.Took), r.Return})
	}
	return rows
}

func sums(records []trace.Record) []table.Row {
	var rows []table.Row
	for _, s := range trace.Summary(records) {
		rows = append(rows, table.Row{s.Function, s.Calls, s.Failed, short(s.Half), short(s.Most)})
	}
	return rows
}

// objects shows handles, and the labels that are known: `3 "K_m" 16`.
func objects(handles []uint, labels []string) string {
	var out []string
	for i, h := range handles {
		out = append(out, fmt.Sprint(h))
		if i < len(labels) && labels[i] != "" {
			out = append(out, labels[i])
		}
	}
	return strings.Join(out, " ")
}

// numbers shows lengths: "3 16".
func numbers(ns []int) string { return strings.Trim(fmt.Sprint(ns), "[]") }

// short shows a time with three digits or so: "12.3µs".
func short(d time.Duration) string {
	for unit := time.Duration(1); ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
}

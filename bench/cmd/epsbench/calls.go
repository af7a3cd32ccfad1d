package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/emulator/strictyaml"
)

// callFlags say which calls are shown and summed up.
type callFlags struct {
	Function []string `placeholder:"C_NAME" help:"Only calls of this function; may be given more than once."`
	Errors   bool     `help:"Only calls that returned anything but CKR_OK."`
	Summary  bool     `help:"Only the summary by function."`
}

// known writes functions as PKCS#11 does, and refuses one that there is not.
func (f *callFlags) known() error {
	names := cryptoki.Functions()
	for i, name := range f.Function {
		at := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
		if at < 0 {
			return &run.UsageError{What: fmt.Sprintf("no function is called %q%s", name, strictyaml.Meant(name, names)), Mend: "a name of PKCS#11, as C_Sign"}
		}
		f.Function[i] = names[at]
	}
	return nil
}

func (f callFlags) want(r trace.Record) bool {
	return (len(f.Function) == 0 || slices.Contains(f.Function, r.Function)) && (r.Failed() || !f.Errors)
}

// callView shows calls as they come, one a line, and at the end their sums. A call fits into
// 80 columns, save some that fail or have long labels.
type callView struct {
	callFlags
	out  *bufio.Writer
	sums trace.Sums
}

func newCallView(w io.Writer, f callFlags) *callView {
	v := &callView{callFlags: f, out: bufio.NewWriter(w)}
	if !f.Summary {
		v.line("time (UTC)", "took", "function", "result", "mechanism, objects, bytes")
	}
	return v
}

// line writes columns of which only the last few may be longer than their place.
func (v *callView) line(at, took, function, result, rest string) {
	fmt.Fprintln(v.out, strings.TrimRight(fmt.Sprintf("%-15s  %6s  %-19s  %-6s  %s", at, took, function, result, rest), " "))
}

// add shows a call and counts it, if it is wanted. What is shown may wait for flush.
func (v *callView) add(r trace.Record) {
	if !v.want(r) {
		return
	}
	v.sums.Add(r)
	if !v.Summary {
		v.line(r.At.UTC().Format("15:04:05.000000"), short(r.Took), r.Function, r.Return, about(r))
	}
}

func (v *callView) flush() error { return v.out.Flush() }

// end shows the sums.
func (v *callView) end() error {
	var rows []table.Row
	for _, s := range v.sums.List() {
		rows = append(rows, table.Row{s.Function, s.Calls, s.Failed, short(s.Half), short(s.Most)})
	}
	if !v.Summary {
		fmt.Fprintln(v.out)
	}
	printTable(v.out, table.Row{"function", "calls", "errors", "p50", "p99"}, rows)
	return v.flush()
}

// about says what a call was about: "AES_KEY_WRAP 3 "K_m" → 12 "row" in 40".
func about(r trace.Record) string {
	words := []string{strings.TrimPrefix(r.Mechanism, "CKM_"), objects(r.Objects, r.Labels),
		before("→ ", objects(r.Made, r.Labels[min(len(r.Objects), len(r.Labels)):])),
		before("in ", numbers(r.In)), before("out ", numbers(r.Out))}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
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
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

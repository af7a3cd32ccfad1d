package main

import (
	"fmt"
	"io"
	"os"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// traceCommand shows what a program did to its token.
type traceCommand struct {
	File string `arg:"" help:"A trace, as trace: {file: …} of EPSEMU_CONF or epsbench watch --out leaves it; - reads standard input."`
	callFlags
}

// Run is called by kong. What stands before a broken line is shown, then the error.
func (c *traceCommand) Run(a *app) error {
	if err := c.known(); err != nil {
		return err
	}
	in, err := openTrace(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	var broken error
	v, read := newCallView(a.out, c.callFlags), 0
	for r, err := range trace.Read(in) {
		if broken = err; err == nil {
			read++
			v.add(r)
		}
	}
	if broken != nil && read == 0 {
		return &run.UsageError{What: fmt.Sprintf("%s is no trace: %v", c.File, broken), Mend: traceFrom}
	}
	if err := v.end(); err != nil {
		return err
	}
	if broken != nil {
		return &run.UsageError{What: fmt.Sprintf("%s: %v", c.File, broken), Mend: "the calls before that line are shown"}
	}
	return nil
}

// traceFrom says where to get a trace.
const traceFrom = "a trace is left by epsbench watch SOCKET --out FILE, or by trace: {file: …} in the file of EPSEMU_CONF"

func openTrace(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &run.UsageError{What: err.Error(), Mend: traceFrom}
	}
	return f, nil
}

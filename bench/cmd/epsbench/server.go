package main

import (
	"os"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
)

// serverCommand is a server of a divided target: see package target.
type serverCommand struct{}

// Run is called by kong.
func (serverCommand) Run(*app) error {
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return &run.UsageError{What: "server: the standard input is no pipe", Mend: "this command is for epsbench itself; use: epsbench crash"}
	}
	return target.Serve(os.Stdin, os.Stdout)
}

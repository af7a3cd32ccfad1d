package main

import (
	"os"
	"syscall"

	"github.com/epsbench/epsbench/bench/run"
)

// childCommand is what run and selfcheck start: see package run.
type childCommand struct{}

// Run is called by kong.
func (childCommand) Run(a *app) error {
	syscall.CloseOnExec(records) // or a grandchild keeps the pipe open
	out := os.NewFile(records, "records")
	if info, err := out.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return &run.UsageError{What: "child: file descriptor 3 is no pipe", Mend: "this command is for epsbench itself; use: epsbench run"}
	}
	a.exit = run.Child(a.Registry, os.Stdin, out)
	return nil
}

// records is the file descriptor of the parent's pipe.
const records = 3

// Command eps is an enrolment and provisioning server for mobile one-time passwords,
// its administration, and the phone's part of it. The commands are in package command.
package main

import (
	"fmt"
	"os"

	"github.com/epsbench/epsbench/reference/command"
)

func main() { os.Exit(run()) }

func run() int {
	if err := command.Harden(); err != nil {
		fmt.Fprintln(os.Stderr, "eps:", err)
		return 1
	}
	p := command.Program{Name: "eps", Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}
	return p.Run(command.UntilSignalled(), os.Args[1:])
}

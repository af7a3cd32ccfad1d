// Command epsbench judges an EPS and leaves a report.
//
// Start at main; registry.go says what can be judged, and by which suites. Every
// command ends in an error or an exit code, and fail says it in one
// line with a hint.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/strictyaml"
)

func main() { os.Exit(epsbench(registry(), os.Args[1:], os.Stdout, os.Stderr)) }

// app is what every command gets.
type app struct {
	run.Registry
	ctx     context.Context
	out     io.Writer
	version string
	exit    int // set by commands that judge
}

// commands is the command line.
type commands struct {
	Run       runCommand       `cmd:"" help:"Judge a target and leave a report."`
	HSM       hsmCommand       `cmd:"" name:"hsm" help:"Judge a PKCS#11 module by itself: is it the HSM that it should be, and can an EPS work on it?"`
	Selfcheck selfcheckCommand `cmd:"" help:"Run the mutants and print which claim kills which."`
	List      listCommand      `cmd:"" help:"List claims, suites, mutants, targets, faults, personalities or probes."`
	Eps       epsCommand       `cmd:"" passthrough:"" help:"Run an EPS, its administration or its phone: the program eps with the emulator built in."`
	Report    reportCommand    `cmd:"" help:"Show a report, or compare two."`
	Trace     traceCommand     `cmd:"" help:"Show the calls that a program made to its PKCS#11 token."`
	Watch     watchCommand     `cmd:"" help:"Show the calls of a program to its PKCS#11 token while it runs, and have them fail."`
	Child     childCommand     `cmd:"" hidden:"" help:"Do one job of a run; started by run and selfcheck."`
	Crash     crashCommand     `cmd:"" help:"Kill servers in the middle of their work, many times, and say what is left."`
	Server    serverCommand    `cmd:"" hidden:"" help:"Be one server of a target; started by a child that kills servers."`
	Version   kong.VersionFlag `help:"Print the version."`
}

// epsbench runs one command line and gives the exit code.
func epsbench(r run.Registry, args []string, out, err io.Writer) int {
	// A first Ctrl-C ends the run with a report of what was judged, a second at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a := &app{Registry: r, ctx: ctx, out: out, version: version()}
	parser, failed := kong.New(&commands{}, kong.Name("epsbench"), kong.Writers(out, err), kong.Vars{"version": a.version},
		kong.Description("Judge an enrolment and provisioning server by the claims of its security target."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if failed != nil {
		return fail(err, failed)
	}
	parsed, failed := parser.Parse(args)
	if failed != nil {
		return fail(err, usage(failed))
	}
	if failed := parsed.Run(a); failed != nil {
		return fail(err, failed)
	}
	return a.exit
}

// usage turns an error of the command line into one with a hint.
func usage(err error) error {
	command := "epsbench"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		command = parse.Context.Selected().FullPath()
	}
	return &run.UsageError{What: meant(err.Error()), Mend: "see: " + command + " --help"}
}

// guesses are what kong takes for meant: also words that have little in common with the one that was typed.
var guesses = regexp.MustCompile(`^(.* (\S+)), did you mean (.*)\?$`)

var dashes = regexp.MustCompile(`^-*`)

// meant leaves of the guesses the nearest, if one is near.
func meant(message string) string {
	parts := guesses.FindStringSubmatch(message)
	if parts == nil {
		return message
	}
	var known []string
	for guess := range strings.SplitSeq(strings.TrimPrefix(parts[3], "one of "), ", ") {
		known = append(known, strings.Trim(guess, `"-`))
	}
	if near := strictyaml.Nearest(strings.Trim(parts[2], "-"), known); near != "" {
		return fmt.Sprintf("%s, did you mean %s%s?", parts[1], dashes.FindString(parts[2]), near)
	}
	return parts[1]
}

// fail says what happened in one line, or in the lines of a table, and in one more what to
// do about it.
func fail(w io.Writer, err error) int {
	first, table, _ := strings.Cut(err.Error(), "\n")
	fmt.Fprintf(w, "epsbench: %s\n", oneLine(first))
	for _, line := range strings.Split(table, "\n") {
		if line != "" {
			fmt.Fprintf(w, "          %s\n", line)
		}
	}
	if hint := run.HintOf(err); hint != "" {
		fmt.Fprintf(w, "          %s\n", oneLine(hint))
	}
	var wrong *run.UsageError
	var unusable *run.UnusableError
	switch {
	case errors.As(err, &wrong):
		return report.ExitUsage
	case errors.As(err, &unusable):
		return report.ExitUnusable
	}
	return report.ExitHarness
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// version is what the Go toolchain stamped into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

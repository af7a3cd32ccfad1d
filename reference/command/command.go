// Package command is the command line of an EPS: `eps init`, `serve`, `doctor` and
// the rest. It is a package of its own so that another program can offer the same
// commands with a PKCS#11 module built in.
//
// Start at Program.Run. Errors are one line that says what, and one that says what to
// do; every administrative command leaves a record in the audit.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/server"
)

// Program is the command line as one process offers it.
type Program struct {
	Name    string         // "eps"
	Modules server.Modules // built-in PKCS#11 modules, by name
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Environ []string // "NAME=value"
}

// Exit codes, as README.md lists them.
const (
	exitOK       = 0
	exitTrouble  = 1
	exitUsage    = 2
	exitUnusable = 4 // HSM, store, keys or an address cannot be used
)

// commands is the tree. Each leaf has a Run method, called by kong with Program and context.
type commands struct {
	Init       initCommand       `cmd:"" help:"Make an EPS: configuration, keys in the HSM, a development PKI, phone.json."`
	Serve      serveCommand      `cmd:"" help:"Run the EPS until it is interrupted."`
	Ready      readyCommand      `cmd:"" help:"Ask the running EPS whether every part of it answers."`
	Authserver authserverCommand `cmd:"" help:"The authentication server: init, pair, serve, ready."`
	Doctor     doctorCommand     `cmd:"" help:"Check module, keys, store, audit, certificates and listeners; say what to mend."`
	Keys       keysCommand       `cmd:"" help:"Keys: mpp, ticket."`
	Audit      auditCommand      `cmd:"" help:"The audit: verify."`
	Token      tokenCommand      `cmd:"" help:"Tokens: status."`
	Phone      phoneCommand      `cmd:"" help:"Play the phone: provision, activate, otp, ocra."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// exited is how kong's own exits (--help) come back to Run.
type exited int

// Run carries out args, without the program's name, and gives the exit code.
func (p *Program) Run(ctx context.Context, args []string) (code int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			code = int(e)
		}
	}()
	return p.exit(p.run(ctx, args))
}

func (p *Program) run(ctx context.Context, args []string) error {
	parser, err := kong.New(&commands{}, kong.Name(p.Name),
		kong.Description("An enrolment and provisioning server for mobile one-time passwords."),
		kong.Writers(p.Stdout, p.Stderr), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		return &reference.Hint{Err: usageError{err}, Text: "see: " + parse.Context.Selected().FullPath() + " --help"}
	}
	if err != nil {
		return usageError{err}
	}
	return parsed.Run()
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// unusable is something outside that cannot be worked with as it is.
type unusable struct{ error }

func (e unusable) Unwrap() error { return e.error }

// exit reports err and gives the code for it.
func (p *Program) exit(err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(p.Stderr, "%s: %v\n", p.Name, err)
	var usage usageError
	var hint *reference.Hint
	switch {
	case errors.As(err, &hint):
		p.hint(hint.Text)
	case errors.As(err, &usage):
		p.hint("see: " + p.Name + " --help")
	}
	return codeOf(err)
}

func codeOf(err error) int {
	var usage usageError
	var outside unusable
	switch {
	case errors.As(err, &usage), errors.Is(err, server.ErrConfig):
		return exitUsage
	case errors.As(err, &outside):
		return exitUnusable
	}
	return exitTrouble
}

// ours are the commands that hints name; a program with another name has them too.
var ours = regexp.MustCompile(`\beps (init|authserver|serve|ready|doctor|keys|audit|token|phone)\b`)

// hint stands under the error, below its text.
func (p *Program) hint(text string) {
	text = ours.ReplaceAllString(text, p.Name+" $1")
	fmt.Fprintf(p.Stderr, "%s%s\n", strings.Repeat(" ", len(p.Name)+2), text)
}

// say prints one line of a result.
func (p *Program) say(format string, args ...any) { fmt.Fprintf(p.Stdout, format+"\n", args...) }

type versionCommand struct{}

func (versionCommand) Run(p *Program) error {
	p.say("eps %s", server.Version)
	return nil
}

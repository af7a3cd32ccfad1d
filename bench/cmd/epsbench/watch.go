package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/layer/fault"
)

// watchCommand shows what a program does to its token while it does it, and has the token fail.
type watchCommand struct {
	Socket string        `arg:"" help:"The socket that control: {socket: …} of EPSEMU_CONF names."`
	Out    string        `placeholder:"FILE" help:"Keep all calls in this file too, for epsbench trace."`
	Fault  string        `placeholder:"SCENARIO" help:"Have the HSM fail by this scenario as long as it is watched: one of epsbench list faults, or a file."`
	Seed   *uint64       `placeholder:"N" help:"Fixes what chance decides in --fault; default: random."`
	For    time.Duration `placeholder:"DURATION" help:"End after so long, such as 30s; default: with the program, or at Ctrl-C."`
	Wait   time.Duration `placeholder:"DURATION" help:"Wait so long for the program to begin."`
	callFlags
}

// Help is printed by kong below the summary.
func (*watchCommand) Help() string {
	return `The socket is there while the program uses the token, from C_Initialize to C_Finalize. Several may watch at once.
What a program does before somebody watches is not seen: "trace" and "fault" of its own file begin with its first call.

A scenario takes the place of the one that is played, and ends with this command, however that ends. One of the
program's own file does not come back after that: start the program again to have it played.

Values of keys, which "unsafe_needles" gives to a bench, are never shown: a terminal and the log of a CI keep what
they have shown.

Exit code: 0 at the end of the program or of the time, and at Ctrl-C; 4 when the program cannot be watched.`
}

// Run is called by kong.
func (c *watchCommand) Run(a *app) error {
	plan, err := c.plan()
	if err != nil {
		return err
	}
	client, err := c.dial(a.ctx)
	switch {
	case err != nil && a.ctx.Err() != nil: // Ctrl-C
		fmt.Fprintln(a.out, "interrupted before the program has begun")
		return nil
	case err != nil:
		return c.unwatchable(err)
	}
	w := &watching{watchCommand: c, app: a}
	if err := w.keep(); err != nil {
		return err
	}
	defer w.file.Close()
	if err := w.begin(a.ctx, client, plan); err != nil {
		return c.unwatchable(err)
	}
	ctx, stop := c.limit(a.ctx)
	defer stop()
	return w.look(ctx)
}

// plan checks the flags, and gives the scenario as the emulator is to play it.
func (c *watchCommand) plan() (*control.Plan, error) {
	switch {
	case c.For < 0 || c.Wait < 0:
		return nil, &run.UsageError{What: "--for and --wait are not negative", Mend: "such as 30s"}
	case c.Fault == "" && c.Seed != nil:
		return nil, &run.UsageError{What: "--seed is about --fault", Mend: "see epsbench list faults"}
	case c.Fault == "":
		return nil, c.known()
	}
	text, err := fault.Text(c.Fault)
	if err != nil {
		return nil, &run.UsageError{What: "--fault: " + err.Error(), Mend: "see epsbench list faults"}
	}
	if c.Seed == nil {
		c.Seed = new(uint64(drawSeed()))
	}
	return &control.Plan{YAML: string(text), Seed: *c.Seed}, c.known()
}

func (c *watchCommand) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.For == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.For)
}

// toAnswer is what a program that is not stopped needs at most.
const toAnswer = 5 * time.Second

// dial waits for the program, if it is to, until it answers.
func (c *watchCommand) dial(ctx context.Context) (*control.Client, error) {
	patience, stop := context.WithTimeout(ctx, c.Wait)
	defer stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		one, stop := context.WithTimeout(ctx, toAnswer)
		client, err := control.Dial(one, c.Socket)
		stop()
		if err == nil || !absent(err) {
			return client, err
		}
		select {
		case <-patience.Done():
			return nil, err
		case <-again.C:
		}
	}
}

// absent tells whether a program may still come that has the socket.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, io.EOF)
}

const otherVersion = "epsbench and libepsemu.so are to be of one version: make build lib"

// mends say what to do where a program cannot be watched.
var mends = []struct {
	err  error
	mend string
}{
	{fs.ErrNotExist, "it is there while the program uses its token"},
	{syscall.ECONNREFUSED, "nobody listens there: has the program been killed, or is the path another's?"},
	{io.EOF, "the program has just ended"},
	{fs.ErrPermission, "this uid may not enter its directory"},
	{context.DeadlineExceeded, "the program does not answer: is it stopped?"},
	{control.ErrPeer, "be the uid of the program, or list this one in its file: control: {uids: [N]}"},
	{control.ErrBusy, "sixteen are connected already: end one of them"},
	{control.ErrVersion, otherVersion},
	{control.ErrRequest, otherVersion},
	{control.ErrScenario, "see epsbench list faults; " + otherVersion},
}

// unwatchable gives an error of the socket its exit code and its hint.
func (c *watchCommand) unwatchable(err error) error {
	for _, m := range mends {
		if !errors.Is(err, m.err) {
			continue
		}
		if absent(err) && c.Wait == 0 {
			m.mend += "; --wait 1m waits for the program"
		}
		return &run.UnusableError{What: err.Error(), Mend: m.mend}
	}
	return &run.UnusableError{What: err.Error()}
}

package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/epsbench/epsbench/conformance"
)

// Outcome is what one child left behind.
type Outcome struct {
	Job      Job
	Identity *conformance.Identity // nil: the target was never open
	Unusable *Unusable
	Results  []conformance.Result
	End      *End
	Stopped  bool   // by the operator
	Death    string // why there is no end record; empty when there is one
	Seconds  float64
}

// command is how the parent starts itself again: the running file, even when
// another has been put in its place.
func command() *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return &exec.Cmd{Path: self, Args: []string{os.Args[0], "child"}}
}

// environment of a child. It lives for seconds and holds little, so memory is cheaper than
// collecting it often.
var environment = []string{"GOGC=300"}

// process runs job in a child and gives what it left. on sees each record as it
// comes. When ctx ends, the child is told to stop, then killed with its group.
func (p Pool) process(ctx context.Context, job Job, on func(Record)) Outcome {
	o := Outcome{Job: job}
	start := time.Now()
	if err := p.supervise(ctx, &o, on); err != nil {
		o.Death = err.Error()
	}
	if o.End == nil && o.Unusable == nil && o.Death == "" {
		o.Death = "the process ended without an end record"
	}
	o.Seconds = time.Since(start).Seconds()
	return o
}

func (p Pool) supervise(ctx context.Context, o *Outcome, on func(Record)) error {
	dir, err := os.MkdirTemp("", "epsbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.Job.Options.Dir = dir
	logPath := filepath.Join(p.Logs, o.Job.Name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := p.command()
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	cmd.Env = append(append(cmd.Environ(), environment...), "TMPDIR="+tmp) // what a target leaves there is its own
	c, err := start(cmd, o.Job, log)
	if err != nil {
		return err
	}
	stop := c.watch(ctx, p.Limit)
	readErr := readRecords(c.records, func(r Record) {
		o.take(r)
		on(r)
	})
	state, why := c.wait(), stop()
	o.Stopped = why == errStopped
	return o.explain(state, why, readErr, log)
}

// take keeps one record.
func (o *Outcome) take(r Record) {
	switch {
	case r.Opened != nil:
		o.Identity = r.Opened
	case r.Unusable != nil:
		o.Unusable = r.Unusable
	case r.Result != nil:
		o.Results = append(o.Results, *r.Result)
	case r.End != nil:
		o.End = r.End
	}
}

// child is a running process with its pipes.
type child struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	records *os.File
	done    chan struct{} // closed when the process has ended
}

func start(cmd *exec.Cmd, job Job, log *os.File) (*child, error) {
	line, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	records, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs} // fd 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		records.Close()
		return nil, fmt.Errorf("start the child process: %w", err)
	}
	// A child that dies before it reads its job is seen by its missing end record.
	go func() { _, _ = stdin.Write(append(line, '\n')) }()
	c := &child{cmd, stdin, records, make(chan struct{})}
	go c.reap()
	return c, nil
}

// reap waits for the process, and lets nothing that it left behind hold the pipe open.
func (c *child) reap() {
	_ = c.cmd.Wait()
	_ = c.records.SetReadDeadline(time.Now().Add(time.Second))
	close(c.done)
}

// wait gives how the process ended, and ends what it left in its group.
func (c *child) wait() *os.ProcessState {
	<-c.done
	c.signal(syscall.SIGKILL)
	c.records.Close()
	return c.cmd.ProcessState
}

func (c *child) signal(s syscall.Signal) { _ = syscall.Kill(-c.cmd.Process.Pid, s) }

var (
	errStopped = errors.New("stopped by the operator")
	errTimeout = errors.New("no end record within the time limit")
)

// watch stops the child when ctx ends or the limit passes; the function that it
// returns tells which, if either.
func (c *child) watch(ctx context.Context, limit time.Duration) (stopped func() error) {
	var mu sync.Mutex
	var why error
	set := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		why = err
	}
	go func() {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		select {
		case <-c.done:
			return
		case <-ctx.Done():
			set(errStopped)
			_ = c.stdin.Close() // it closes its target
		case <-timer.C:
			set(fmt.Errorf("%w of %v", errTimeout, limit))
			c.signal(syscall.SIGQUIT) // goroutines go to the log
		}
		select {
		case <-c.done:
		case <-time.After(grace + time.Second):
			c.signal(syscall.SIGKILL)
		}
	}()
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		return why
	}
}

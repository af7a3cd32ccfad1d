package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ServerCommand is the argument with which a server process is started: this program again.
const ServerCommand = "server"

// process is a server in a process of its own. It stays in the group of the process that
// starts it, and ends with it: its orders end then.
type process struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	file    *os.File // of replies
	replies *bufio.Reader
	done    chan struct{} // closed when it has ended
}

// environment of a server process. It lives for a moment, so memory is cheap; and an answer of
// HTTP/1.1 is whole with its last byte, where HTTP/2 would wait for the handler's end, to which
// a server that is killed does not come.
var environment = []string{"GOGC=400", "GODEBUG=http2server=0"}

// replyTime bounds what a server process takes to start, or to obey.
const replyTime = 30 * time.Second

func startProcess(job serverJob) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = write.Close() }() // the process has its own
	cmd := exec.Command(self, ServerCommand)
	cmd.Stdout, cmd.Stderr = write, os.Stderr
	cmd.Env = append(cmd.Environ(), environment...)
	orders, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a server process: %w", err), read.Close())
	}
	p := &process{cmd: cmd, orders: orders, file: read, replies: bufio.NewReader(read), done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its state
		close(p.done)
	}()
	return p, p.write(job)
}

func (p *process) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = p.orders.Write(append(line, '\n'))
	return err
}

// order gives an order and waits for the reply.
func (p *process) order(ctx context.Context, o order) error {
	if err := p.write(o); err != nil {
		return fmt.Errorf("%s: the server process is gone: %w", o.Do, err)
	}
	if err := p.reply(ctx); err != nil {
		return fmt.Errorf("%s: %w", o.Do, err)
	}
	return nil
}

// reply reads one.
func (p *process) reply(ctx context.Context) error {
	deadline := time.Now().Add(replyTime)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := p.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	var r reply
	if err := readLine(p.replies, &r); err != nil {
		return fmt.Errorf("the server process does not answer: %w", err)
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	return nil
}

// killed waits for the process to end, and says whether it was killed.
func (p *process) killed() bool {
	select {
	case <-p.done:
	case <-time.After(deathTime):
		return false
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// end ends the process, by force if it takes too long.
func (p *process) end() error {
	err := p.orders.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	select {
	case <-p.done:
	case <-time.After(closeTime + time.Second):
		err = errors.Join(err, p.cmd.Process.Kill())
		<-p.done
	}
	return errors.Join(err, p.file.Close())
}

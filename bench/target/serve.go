package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target/fault"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/reference"
)

// serverJob is the first line of a server process: which server, on what.
type serverJob struct {
	Server  string            `json:"server"` // "eps" or "authserver"
	Name    string            `json:"name"`   // of the EPS
	Profile reference.Profile `json:"profile"`
	Options run.Options       `json:"options"`
	Driver  string            `json:"driver"` // of both databases
	DSNs    [2]string         `json:"dsns"`
	Fixed   map[string]string `json:"fixed"` // where all listeners answer
	Arm     string            `json:"arm"`   // the fault point of the start; empty: none

	Activation bool `json:"activation"` // the EPS asks for it
}

// order is every further line, and reply the line that answers it. The first reply says
// that the server has started.
type order struct {
	Do    string `json:"do"`    // "arm", "settle", "verify"
	Point string `json:"point"` // to arm; empty: none
}

type reply struct {
	Error string `json:"error"` // empty: done
}

// Serve is the whole of a server process: it reads a job and orders from in until that
// ends, and writes replies to out. Its log goes to the standard error.
func Serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	var job serverJob
	if err := readLine(lines, &job); err != nil {
		return fmt.Errorf("job of a server process: %w", err)
	}
	p := &serverProcess{job: job}
	ctx := context.Background()
	err := p.start(ctx)
	for {
		if failed := answer(out, err); failed != nil {
			return failed
		}
		if p.running == nil {
			return err
		}
		var o order
		if failed := readLine(lines, &o); failed != nil {
			return p.stop(failed)
		}
		err = p.obey(ctx, o)
	}
}

// readLine reads one JSON value.
func readLine(in *bufio.Reader, v any) error {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

func answer(out io.Writer, err error) error {
	var r reply
	if err != nil {
		r.Error = err.Error()
	}
	line, failed := json.Marshal(r)
	if failed != nil {
		return failed
	}
	_, failed = out.Write(append(line, '\n'))
	return failed
}

// serverProcess is one server of a divided system.
type serverProcess struct {
	job     serverJob
	plan    fault.Plan
	system  *system
	running interface {
		Serve(context.Context) error
		Close(context.Context) error
	}
}

// start opens the server on the keys and the database that are there.
func (p *serverProcess) start(ctx context.Context) (err error) {
	o := p.job.Options
	s := &system{options: o, dir: o.Dir, name: p.job.Name, profile: p.job.Profile, clock: &clock{}, log: &journal{to: os.Stderr}, trace: &trace.Recorder{}, fixed: p.job.Fixed, hasty: true, activation: p.job.Activation}
	p.system = s
	if err := s.mutate(); err != nil {
		return err
	}
	p.plan.Into(p.job.Server, &s.seams)
	p.plan.Arm(p.job.Arm)
	if s.slots, err = reopenSlots(o.HSM, o.Dir, o.Personality); err != nil {
		return err
	}
	s.stores = &stores{driver: p.job.Driver, dsns: p.job.DSNs}
	if err := s.stores.reopen(ctx, p.job.Server); err != nil {
		return err
	}
	if p.job.Server == "eps" {
		if err = s.startEPS(ctx); err == nil {
			p.running = s.eps
		}
	} else if err = s.startAuthServer(ctx); err == nil {
		p.running = s.auth
	}
	if err != nil {
		return err
	}
	go func() {
		if err := p.running.Serve(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "epsbench server:", err)
		}
	}()
	return nil
}

// obey does what an order asks for.
func (p *serverProcess) obey(ctx context.Context, o order) error {
	switch o.Do {
	case "arm":
		p.plan.Arm(o.Point)
		return nil
	case "settle":
		return p.system.eps.Enroll().Flush(ctx)
	case "verify":
		return p.system.VerifyAudit(ctx)
	}
	return fmt.Errorf("no order is called %q", o.Do)
}

// closeTime bounds the end of a server process, which nobody waits for longer.
const closeTime = 2 * time.Second

// stop ends the server when the orders have.
func (p *serverProcess) stop(ended error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if errors.Is(ended, io.EOF) {
		ended = nil
	}
	return errors.Join(ended, p.running.Close(ctx), p.system.stores.close())
}

package run

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/epsbench/epsbench/conformance"
)

// grace is how long either side waits for a child that was told to stop.
const grace = 3 * time.Second

// Child does the one job that it reads from in, and writes records to out. Its
// standard output and error go to a log file. It gives the exit code, which the
// parent ignores in favour of the end record.
func Child(r Registry, in io.Reader, out io.Writer) int {
	buffered := bufio.NewReader(in)
	job, err := readJob(buffered)
	if err != nil {
		fmt.Fprintln(os.Stderr, "epsbench child:", err)
		return 2
	}
	fmt.Fprintf(os.Stderr, "epsbench child: %s on target %s\n", job.Family, job.Target)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, buffered)
		cancel() // an opening target stops by itself
		time.Sleep(grace)
		os.Exit(3)
	}()
	w := &writer{out: out}
	if err := r.work(ctx, job, w); err != nil {
		fmt.Fprintln(os.Stderr, "epsbench child:", err)
		return 1
	}
	return 0
}

// work opens the target, runs the family, and ends with exactly one of the last records.
func (r Registry) work(ctx context.Context, job Job, w *writer) error {
	suite, err := r.suite(job.Family)
	if err != nil {
		return err
	}
	kind, err := r.Target(job.Target)
	if err != nil {
		return err
	}
	job.Options.TellKeys = slices.ContainsFunc(r.Claims, func(c conformance.Claim) bool {
		return c.Family == job.Family && slices.Contains(c.Needs, conformance.CanTellKeys)
	})
	target, err := kind.Open(ctx, job.Options)
	if err != nil {
		w.write(Record{Unusable: &Unusable{err.Error(), HintOf(err)}})
		return err
	}
	identity := target.Identity()
	w.write(Record{Opened: &identity})
	end := End{}
	family := suite.Family(job.Options.Profile)
	family.Strict = job.Options.Strict
	_, err = conformance.Run(family, target, job.Filter, job.Options.Seed, func(res conformance.Result) {
		end.Results++
		w.write(Record{Result: &res})
	})
	switch {
	case errors.Is(err, conformance.ErrNoSpecs) && job.Filter != "":
		// each spec of its claims judges another one too, which is outside the focus
	case err != nil:
		end.Error = err.Error()
	}
	if err := target.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "epsbench child: close the target:", err)
	}
	w.write(Record{End: &end})
	return w.err
}

// writer writes records, one line each. After an error it writes nothing more, so
// that the end record is missing too and the parent knows.
type writer struct {
	mu  sync.Mutex
	out io.Writer
	err error
}

func (w *writer) write(r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = w.out.Write(append(line, '\n'))
	}
	w.err = err
}

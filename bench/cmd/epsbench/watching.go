package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/reference"
)

// watching is a watchCommand at work.
type watching struct {
	*watchCommand
	app    *app
	file   *os.File      // nil: none
	kept   *bufio.Writer // before file
	stream *control.Stream
	struck func() string // ends the scenario
	calls  chan trace.Record
	start  time.Time
	seen   int
	lost   uint64
}

// keep opens the file for the calls.
func (w *watching) keep() (err error) {
	if w.Out == "" {
		return nil
	}
	if w.file, err = os.OpenFile(w.Out, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return &run.UsageError{What: "--out: " + err.Error(), Mend: "name a file in a directory that exists"}
	}
	w.kept = bufio.NewWriter(w.file)
	return nil
}

// begin looks on before it plays, so that every call is seen that is struck. What it begins
// outlives ctx: see end.
func (w *watching) begin(ctx context.Context, client *control.Client, plan *control.Plan) (err error) {
	ctx = context.WithoutCancel(ctx)
	w.start, w.calls = time.Now(), make(chan trace.Record, 256)
	if w.stream, err = client.Records(ctx, func(r trace.Record) { w.calls <- r }); err != nil {
		return err
	}
	go func() {
		w.stream.Wait()
		close(w.calls)
	}()
	var held *control.Held
	playing := ""
	if plan != nil {
		if held, err = client.Hold(ctx, *plan); err != nil {
			return err
		}
		playing = fmt.Sprintf(" · fault %s · seed %d", w.Fault, plan.Seed)
	}
	w.struck = sync.OnceValue(func() string { return w.release(held) })
	fmt.Fprintf(w.app.out, "watching process %d%s\n\n", client.PID(), playing)
	return nil
}

// look shows calls until there are no more. When ctx is done, the scenario ends first: so a
// call that was struck is seen.
func (w *watching) look(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		w.struck()
		w.stream.Stop()
	})()
	view := newCallView(w.app.out, w.callFlags)
	if err := w.flush(view); err != nil {
		return err
	}
	for r := range w.calls {
		if err := w.show(r, view); err != nil {
			return err
		}
	}
	w.missing(view)
	return w.end(ctx, view)
}

// show shows and keeps a call.
func (w *watching) show(r trace.Record, view *callView) error {
	w.seen++
	w.missing(view)
	view.add(r)
	if err := w.write(r); err != nil {
		return err
	}
	if len(w.calls) > 0 {
		return nil
	}
	return w.flush(view)
}

// write keeps a call.
func (w *watching) write(r trace.Record) error {
	if w.kept == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = w.kept.Write(append(line, '\n'))
	}
	return w.outOf(err)
}

// flush lets everybody see what has been seen.
func (w *watching) flush(view *callView) error {
	if w.kept != nil {
		if err := w.outOf(w.kept.Flush()); err != nil {
			return err
		}
	}
	return view.flush()
}

// outOf is an error of the file, such as a disk that is full.
func (w *watching) outOf(err error) error {
	if err == nil {
		return nil
	}
	return &reference.Hint{Err: fmt.Errorf("--out: %w", err), Text: "the calls before that are kept"}
}

// missing tells of calls that were not seen.
func (w *watching) missing(view *callView) {
	if lost := w.stream.Lost().Records; lost > w.lost {
		fmt.Fprintf(view.out, "%d records lost: the program is faster than this terminal, or --out\n", lost-w.lost)
		w.lost = lost
	}
}

// end shows the sums, ends the scenario, and says it all in a sentence, also of calls that end
// by an error.
func (w *watching) end(ctx context.Context, view *callView) error {
	why, broken := "the program has ended", w.stream.Wait()
	switch {
	case broken != nil:
		why = "what is seen has broken off"
	case w.app.ctx.Err() != nil:
		why = "interrupted"
	case ctx.Err() != nil:
		why = "the time is over"
	}
	struck := w.struck()
	if err := cmp.Or(w.flush(view), view.end()); err != nil {
		return err
	}
	lost := ""
	if w.lost > 0 {
		lost = fmt.Sprintf(", %d records lost", w.lost)
	}
	fmt.Fprintf(w.app.out, "\n%s after %.1f s: %d calls seen%s%s%s\n", why, time.Since(w.start).Seconds(), w.seen, lost, struck, before(" → ", w.Out))
	if broken != nil {
		return w.unwatchable(broken)
	}
	return nil
}

// release ends the scenario. How many calls it has struck is not known of a program that was
// killed.
func (w *watching) release(held *control.Held) string {
	if held == nil {
		return ""
	}
	ctx, stop := context.WithTimeout(context.Background(), toAnswer)
	defer stop()
	n, err := held.End(ctx)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", %d struck by %s", n, w.Fault)
}

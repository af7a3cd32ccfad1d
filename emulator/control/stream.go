package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// Records calls f with each record from now on, on a goroutine of its own, until ctx is done
// or the emulator ends.
func (c *Client) Records(ctx context.Context, f func(trace.Record)) (*Stream, error) {
	return c.stream(ctx, "records", func(r reply) error {
		rec, err := r.record()
		if err == nil {
			f(rec)
		}
		return err
	})
}

// Needles does the same with needles, which f is to clear. Without unsafe_needles in the
// emulator's file it is ErrNeedles. Copies stay behind in our own memory: a hunt looks in
// another process.
func (c *Client) Needles(ctx context.Context, f func(needle.Needle)) (*Stream, error) {
	return c.stream(ctx, "needles", func(r reply) error {
		if r.Needle == nil {
			return fmt.Errorf("%w: no needle", ErrRequest)
		}
		n, err := r.Needle.needle()
		if err == nil {
			f(n)
		}
		return err
	})
}

// Stream is a subscription.
type Stream struct {
	line *line
	done chan struct{}
	err  error // read after done

	mu   sync.Mutex
	lost Lost
}

// Lost tells what we were too slow for, so far.
func (s *Stream) Lost() Lost {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// Wait waits for the end: nil when the emulator has ended it, Stop, or the context.
func (s *Stream) Wait() error {
	<-s.done
	return s.err
}

// toLeave is how long a bench that leaves waits for the rest.
const toLeave = 5 * time.Second

// Stop ends the subscription: what has happened by now still comes, for five seconds at most.
func (s *Stream) Stop() {
	s.line.conn.SetReadDeadline(time.Now().Add(toLeave))
	s.line.finish()
}

func (c *Client) stream(ctx context.Context, what string, event func(reply) error) (*Stream, error) {
	l, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := l.ask(request{Do: what}); err != nil {
		l.close()
		return nil, because(ctx, err)
	}
	s := &Stream{line: l, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer l.close()
		if err := s.read(l, event); ctx.Err() == nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
			s.err = err
		}
	}()
	return s, nil
}

func (s *Stream) read(l *line, event func(reply) error) error {
	for {
		r, err := l.reply()
		switch {
		case err != nil:
			return err
		case r.Lost != nil:
			s.mu.Lock()
			s.lost = s.lost.add(*r.Lost)
			s.mu.Unlock()
			continue
		}
		if err := event(r); err != nil {
			return err
		}
	}
}

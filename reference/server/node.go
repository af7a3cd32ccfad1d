package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/api/problem"
)

// node is what an EPS and an authentication server have in common: listeners, and
// an end.
type node struct {
	log       *slog.Logger
	tls       func(listener string, c *tls.Config)
	patience  time.Duration // of a call
	shutdown  time.Duration
	listeners []*listener
	opened    closers

	life    context.Context // ends with Close
	end     context.CancelFunc
	serving sync.WaitGroup
	mu      sync.Mutex // between the first of Serve and the last of Close
	once    sync.Once
}

func (n *node) open(name string, c Listener, h http.Handler) error {
	if name != string(api.Public) { // where the wait for one's turn comes first, which is part of the rules
		h = problem.Patience(n.patience, h)
	}
	l, err := listen(name, c, n.tls, h, n.log)
	if err != nil {
		return err
	}
	n.listeners = append(n.listeners, l)
	return nil
}

// Addr is where a listener answers: "127.0.0.1:8443", or the path of a Unix socket.
// It is empty for a name that is none.
func (n *node) Addr(listener string) string {
	for _, l := range n.listeners {
		if l.name == listener {
			return l.net.Addr().String()
		}
	}
	return ""
}

// serve runs the listeners and what goes on beside them until ctx or the node ends,
// or a listener fails; and last, once no call is under way any more.
func (n *node) serve(ctx context.Context, last func(context.Context), beside ...func(context.Context)) error {
	if !n.begin() {
		return nil
	}
	defer n.serving.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range n.listeners {
		n.log.InfoContext(ctx, "listening", "listener", l.name, "address", l.net.Addr().String())
		group.Go(l.serve)
	}
	for _, run := range beside {
		group.Go(func() error { run(ctx); return nil })
	}
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.shutdown)
		defer cancel()
		n.stop(patience)
		return nil
	})
	err := group.Wait()
	last(context.WithoutCancel(ctx))
	return err
}

// begin counts one more Serve, unless Close has begun.
func (n *node) begin() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life.Err() != nil {
		return false
	}
	n.serving.Add(1)
	return true
}

// stop ends the listeners: calls under way until ctx ends, no new ones.
func (n *node) stop(ctx context.Context) {
	var all sync.WaitGroup
	for _, l := range n.listeners {
		all.Go(func() {
			if err := l.stop(ctx); err != nil {
				n.log.Warn("calls under way were cut off", "listener", l.name, "err", err)
				l.server.Close()
			}
		})
	}
	all.Wait()
}

// Close ends Serve, waits for calls under way until ctx ends, and closes what New
// has opened.
func (n *node) Close(ctx context.Context) error {
	var err error
	n.once.Do(func() {
		n.stop(ctx)
		n.mu.Lock()
		n.end()
		n.mu.Unlock()
		n.serving.Wait()
		for _, l := range n.listeners {
			if e := l.net.Close(); !errors.Is(e, net.ErrClosed) {
				err = errors.Join(err, e)
			}
		}
		err = errors.Join(err, n.opened.close())
	})
	return err
}

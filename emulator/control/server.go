package control

import (
	"bytes"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// Options of a Server.
type Options struct {
	Socket        string   // the path of the socket
	UIDs          []uint32 // who may connect beside the process's own uid
	UnsafeNeedles bool     // needles may be asked for
}

// admits tells whether a peer may connect to a process of uid own. Root is a peer like any.
func (o Options) admits(peer, own uint32) bool {
	return peer == own || slices.Contains(o.UIDs, peer)
}

const maxConns = 16 // connections at once

const toAccept = 100 * time.Millisecond // until the process may have a descriptor left again

// How long the other side may take.
const (
	toGreet  = 5 * time.Second // for its first line
	toFinish = time.Second     // to read what is left when the server ends
)

// Server is the emulator's end. Record and Needle are sinks for the layers of these names;
// they never wait for a bench.
type Server struct {
	options Options
	faults  *fault.Layer
	wanted  atomic.Int32 // connections that want records

	mu       sync.Mutex // guards what follows
	listener *net.UnixListener
	file     os.FileInfo // of the socket, to know it again
	conns    map[*conn]bool
	running  sync.WaitGroup
}

// New gives a server that does not listen yet: see Listen and Module. Plans are played by
// faults.
func New(o Options, faults *fault.Layer) *Server {
	return &Server{options: o, faults: faults, conns: map[*conn]bool{}}
}

// Wanted tells whether somebody wants records.
func (s *Server) Wanted() bool { return s.wanted.Load() > 0 }

// Record sends r to all who want records.
func (s *Server) Record(r trace.Record) {
	if !s.Wanted() {
		return
	}
	s.each(func(c *conn) {
		if c.records.Load() {
			c.queue.put(event{record: &r})
		}
	})
}

// Needle sends n to all who want needles, and clears it.
func (s *Server) Needle(n needle.Needle) {
	defer n.Clear()
	if !s.options.UnsafeNeedles {
		return
	}
	s.each(func(c *conn) {
		if c.needles.Load() {
			one := needle.Of(n.From, n.Key, bytes.Clone(n.Value()))
			c.queue.put(event{needle: &one})
		}
	})
}

func (s *Server) each(f func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		f(c)
	}
}

// Listen makes the socket and serves it until Close.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	l, file, err := listen(s.options.Socket)
	if err != nil {
		return err
	}
	s.listener, s.file = l, file
	s.running.Go(func() { s.accept(l) })
	return nil
}

func (s *Server) accept(l *net.UnixListener) {
	for {
		u, err := l.AcceptUnix()
		if err != nil {
			if !s.listening(l) {
				return
			}
			time.Sleep(toAccept)
			continue
		}
		c := &conn{server: s, unix: u, queue: newQueue()}
		if err := s.admit(c); err != nil {
			c.refuse(err)
			continue
		}
		s.running.Go(c.serve)
	}
}

func (s *Server) listening(l *net.UnixListener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener == l
}

// admit lets a connection in, by the uid of its peer.
func (s *Server) admit(c *conn) error {
	if err := s.allowed(c.unix); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= maxConns || s.listener == nil {
		return ErrBusy
	}
	s.conns[c] = true
	return nil
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if c.records.Load() {
		s.wanted.Add(-1)
	}
}

// Close takes the socket away and ends all connections, after they have been sent what
// waits for them, or a second.
func (s *Server) Close() error {
	s.mu.Lock()
	l := s.listener
	s.listener = nil
	if l == nil {
		s.mu.Unlock()
		return nil
	}
	err := unlisten(l, s.options.Socket, s.file)
	for c := range s.conns {
		c.finish()
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

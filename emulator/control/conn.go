package control

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection, at the emulator's end: one goroutine reads requests, another
// sends events.
type conn struct {
	server           *Server
	unix             *net.UnixConn
	queue            *queue
	records, needles atomic.Bool
	held             func() int // ends what is played for this connection; of the reader

	sending sync.Mutex // one line at a time
}

// refuse says why there is no service, and ends.
func (c *conn) refuse(err error) {
	c.unix.SetWriteDeadline(time.Now().Add(toFinish))
	c.answer(helloLine{Error: fail(err)})
	c.unix.Close()
}

func (c *conn) serve() {
	defer c.server.forget(c)
	events := make(chan struct{})
	go func() {
		defer close(events)
		c.events()
	}()
	if err := c.converse(); err != nil {
		c.answer(reply{Error: fail(err)})
	}
	c.release()
	c.queue.close()
	<-events
	c.unix.CloseWrite() // also where a child has the descriptor
	c.unix.Close()
}

// converse answers requests until the bench leaves, or says what is none.
func (c *conn) converse() error {
	if !c.answer(helloLine{Hello: Version, PID: os.Getpid(), Needles: c.server.options.UnsafeNeedles}) {
		return nil
	}
	c.unix.SetReadDeadline(time.Now().Add(toGreet))
	in := lines(c.unix)
	if _, err := greeting(in); err != nil {
		return unlessGone(err)
	}
	c.unix.SetReadDeadline(time.Time{})
	for {
		var r request
		if err := next(in, &r); err != nil {
			return unlessGone(err)
		}
		if err := r.check(); err != nil {
			return err
		}
		if !c.answer(requests[r.Do](c, r)) {
			return nil
		}
	}
}

// unlessGone is nil for a bench that has left: there is nobody to tell.
func unlessGone(err error) error {
	if errors.Is(err, ErrRequest) || errors.Is(err, ErrVersion) {
		return err
	}
	return nil
}

// events sends what is queued, until the queue is closed and empty.
func (c *conn) events() {
	for range c.queue.ready {
		events, lost, open := c.queue.take()
		for i, e := range events {
			if !c.event(e) {
				clearAll(events[i:])
				c.unix.Close() // the reader ends too
				open = false
				break
			}
		}
		if lost != (Lost{}) {
			c.answer(reply{Lost: &lost})
		}
		if !open {
			c.queue.close()
			left, _, _ := c.queue.take()
			clearAll(left)
			return
		}
	}
}

func clearAll(events []event) {
	for _, e := range events {
		e.clear()
	}
}

// event sends a record, or a needle, which is cleared.
func (c *conn) event(e event) bool {
	if e.needle == nil {
		text, err := json.Marshal(e.record)
		return err == nil && c.answer(reply{Record: text})
	}
	text := needleText(*e.needle)
	defer clear(text)
	e.clear()
	return c.send(text)
}

// answer sends a line; false when the bench is gone.
func (c *conn) answer(v any) bool {
	text, err := json.Marshal(v)
	return err == nil && c.send(append(text, '\n'))
}

func (c *conn) send(line []byte) bool {
	c.sending.Lock()
	defer c.sending.Unlock()
	return send(c.unix, line) == nil
}

// finish ends the connection from the server's side: the reader at once, the sender when it
// has sent what waits, or cannot.
func (c *conn) finish() {
	c.unix.SetWriteDeadline(time.Now().Add(toFinish))
	c.unix.CloseRead()
}

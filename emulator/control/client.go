package control

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
)

// Client is the bench's end. Each request has a connection of its own, so a Client outlives
// a restart of the emulator; its methods may be called from many goroutines.
type Client struct {
	path    string
	pid     int
	needles bool
}

// Dial finds the emulator that listens at path, and asks whether it serves us: ErrPeer or
// ErrVersion if it does not.
func Dial(ctx context.Context, path string) (*Client, error) {
	c := &Client{path: path}
	l, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	l.close()
	c.pid, c.needles = l.hello.PID, l.hello.Needles
	return c, nil
}

// PID is that of the process of the emulator, as it sees itself.
func (c *Client) PID() int { return c.pid }

// HasNeedles tells whether the emulator's file allows needles.
func (c *Client) HasNeedles() bool { return c.needles }

// Play has the emulator play one of its own scenarios, from its start. It lasts longer than the
// bench: until Disarm, another scenario or the end of the emulator. What is to end with the bench
// is for Hold.
func (c *Client) Play(ctx context.Context, name string) error {
	_, err := c.ask(ctx, request{Do: "play", Scenario: name})
	return err
}

// PlayYAML is Play of a scenario as it stands in a file.
func (c *Client) PlayYAML(ctx context.Context, text string) error {
	_, err := c.ask(ctx, request{Do: "play", YAML: text})
	return err
}

// Disarm ends what is played, whoever has begun it, and the calls that hang.
func (c *Client) Disarm(ctx context.Context) error {
	_, err := c.ask(ctx, request{Do: "disarm"})
	return err
}

// Fired tells how many calls have been struck since the emulator was loaded.
func (c *Client) Fired(ctx context.Context) (int, error) {
	r, err := c.ask(ctx, request{Do: "fired"})
	if err != nil {
		return 0, err
	}
	if r.Fired == nil {
		return 0, fmt.Errorf("%w: no number", ErrRequest)
	}
	return *r.Fired, nil
}

// line is a connection of the bench.
type line struct {
	conn  *net.UnixConn
	in    *bufio.Scanner
	hello helloLine
	stop  func() bool // of the context
}

// connect greets the emulator. The connection ends with ctx.
func (c *Client) connect(ctx context.Context) (*line, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", because(ctx, err))
	}
	l := &line{conn: conn.(*net.UnixConn), in: lines(conn), stop: context.AfterFunc(ctx, func() { conn.Close() })}
	if l.hello, err = greeting(l.in); err == nil {
		err = l.write(helloLine{Hello: Version})
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("control socket %s: %w", c.path, because(ctx, err))
	}
	return l, nil
}

// finish says that nothing is asked any more. It fails where the emulator has ended; what it
// has said by then can still be read.
func (l *line) finish() { l.conn.CloseWrite() }

func (l *line) close() {
	l.stop()
	l.conn.Close()
}

func (l *line) write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(text) >= MaxLine {
		return fmt.Errorf("%w: longer than %d bytes", ErrRequest, MaxLine)
	}
	_, err = l.conn.Write(append(text, '\n'))
	return err
}

func (l *line) reply() (reply, error) {
	var r reply
	if err := next(l.in, &r); err != nil {
		return r, err
	}
	if r.Error != nil {
		return r, r.Error.err()
	}
	return r, nil
}

func (l *line) ask(q request) (reply, error) {
	if err := l.write(q); err != nil {
		return reply{}, err
	}
	r, err := l.reply()
	if err == nil && r.Done != q.Do {
		err = fmt.Errorf("%w: %s is not answered", ErrRequest, q.Do)
	}
	return r, err
}

func (c *Client) ask(ctx context.Context, q request) (reply, error) {
	l, err := c.connect(ctx)
	if err != nil {
		return reply{}, err
	}
	defer l.close()
	r, err := l.ask(q)
	return r, because(ctx, err)
}

// because gives the context's reason for an error, if it has one.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

package control

import (
	"fmt"

	"github.com/epsbench/epsbench/emulator/layer/fault"
)

// requests are all that a bench can ask for.
var requests = map[string]func(*conn, request) reply{
	"records": (*conn).wantRecords,
	"needles": (*conn).wantNeedles,
	"play":    (*conn).play,
	"hold":    (*conn).hold,
	"disarm":  (*conn).disarm,
	"fired":   (*conn).fired,
}

func (c *conn) wantRecords(r request) reply {
	if !c.records.Swap(true) {
		c.server.wanted.Add(1)
	}
	return reply{Done: r.Do}
}

func (c *conn) wantNeedles(r request) reply {
	if !c.server.options.UnsafeNeedles {
		return reply{Error: fail(ErrNeedles)}
	}
	c.needles.Store(true)
	return reply{Done: r.Do}
}

// play takes a scenario of the program by its name, or one as it stands in a file. No name
// is that of a file: a bench opens none of the emulator's.
func (c *conn) play(r request) reply {
	s, err := find(r)
	if err == nil {
		err = c.server.faults.Play(s)
	}
	if err != nil {
		return reply{Error: fail(fmt.Errorf("%w: %w", ErrScenario, err))}
	}
	return reply{Done: r.Do}
}

// hold plays until the connection ends, so that nothing is left of a bench that dies.
func (c *conn) hold(r request) reply {
	if c.held != nil {
		return reply{Error: fail(fmt.Errorf("%w: this connection holds a plan already", ErrRequest))}
	}
	s, err := find(r)
	var end func() int
	if err == nil {
		end, err = c.server.faults.Hold(s, r.Seed)
	}
	if err != nil {
		return reply{Error: fail(fmt.Errorf("%w: %w", ErrScenario, err))}
	}
	c.held = end
	return reply{Done: r.Do}
}

// release ends what the connection holds, and tells how many calls it has struck.
func (c *conn) release() {
	if c.held != nil {
		n := c.held()
		c.answer(reply{Done: "hold", Fired: &n})
	}
}

func find(r request) (*fault.Scenario, error) {
	if r.YAML != "" {
		return fault.Parse([]byte(r.YAML))
	}
	return fault.Named(r.Scenario)
}

func (c *conn) disarm(r request) reply {
	c.server.faults.Disarm()
	return reply{Done: r.Do}
}

func (c *conn) fired(r request) reply {
	n := c.server.faults.Fired()
	return reply{Done: r.Do, Fired: &n}
}

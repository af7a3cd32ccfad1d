package control

import (
	"context"
	"fmt"
)

// Plan is a scenario of faults with a seed.
type Plan struct {
	Scenario string // the name of one of the emulator's own
	YAML     string // or one as it stands in a file
	Seed     uint64 // of what chance decides
}

// Hold has the emulator play p, in the place of what it plays, until End, the end of ctx or
// of this process.
func (c *Client) Hold(ctx context.Context, p Plan) (*Held, error) {
	l, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := l.ask(request{Do: "hold", Scenario: p.Scenario, YAML: p.YAML, Seed: p.Seed}); err != nil {
		l.close()
		return nil, because(ctx, err)
	}
	return &Held{l}, nil
}

// Held is a plan that is played.
type Held struct{ line *line }

// End ends the plan, and tells how many calls it has struck: of an emulator that has ended too,
// if it was by C_Finalize. After another end, or if ctx ends first, the number is not known, and
// that is an error; the plan has ended all the same.
func (h *Held) End(ctx context.Context) (struck int, err error) {
	defer h.line.close()
	defer context.AfterFunc(ctx, func() { h.line.conn.Close() })()
	h.line.finish()
	r, err := h.line.reply()
	if err != nil {
		return 0, because(ctx, err)
	}
	if r.Fired == nil {
		return 0, fmt.Errorf("%w: no number", ErrRequest)
	}
	return *r.Fired, nil
}

package crash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/epsbench/epsbench/conformance"
)

// campaign is a target under fire, and what it has acknowledged.
type campaign struct {
	rounds int
	target conformance.Divided
	ledger map[string]conformance.Entry // by token: what both sides must say of it
	down   error                        // a server that does not start any more
	random *rand.Rand                   // the order of the points
	waits  string                       // what the authentication server says of a new token; empty: "active"
}

// begin divides the target, once.
func (c *campaign) begin(ctx context.Context, t conformance.Target, seed int64) (err error) {
	if c.target != nil || c.down != nil {
		return c.down
	}
	c.random = rand.New(rand.NewPCG(uint64(seed), 0))
	c.ledger = map[string]conformance.Entry{}
	if c.target, err = t.(conformance.Killer).Divide(ctx); err != nil {
		c.target, c.down = nil, err
	}
	return err
}

// points are those of one operation.
func (c *campaign) points(o conformance.Operation) []conformance.FaultPoint {
	var points []conformance.FaultPoint
	for _, p := range c.target.Points() {
		if p.Operation == o {
			points = append(points, p)
		}
	}
	return points
}

// outcome is what is there after a kill.
type outcome string

const (
	nothing outcome = "nothing" // as if the operation had never begun
	all     outcome = "all"     // as if it had come to its end, whoever has heard of it
)

// violation is what a target must not do. Every other error is the bench's own.
type violation string

func (v violation) Error() string { return string(v) }

func violated(format string, args ...any) error { return violation(fmt.Sprintf(format, args...)) }

// tally is what came of the trials at one point.
type tally struct {
	Row
	violations []error
	broken     error
}

// tried makes the trials of one point.
func (c *campaign) tried(ctx context.Context, p conformance.FaultPoint) tally {
	t := tally{Row: Row{Operation: string(p.Operation), Server: p.Server, Point: p.Name}}
	for range c.rounds {
		k := &trial{campaign: c, point: p}
		o, err := k.run(ctx)
		t.Kills += k.kills
		if k.heard {
			t.Acknowledged++
		}
		var v violation
		switch {
		case err == nil && o == all:
			t.All++
		case err == nil:
			t.Nothing++
		case errors.As(err, &v):
			t.Violations++
			t.violations = append(t.violations, err)
		default:
			t.broken = err
			return t
		}
	}
	return t
}

// first is the violation to show, if there is one.
func (t tally) first() error {
	if len(t.violations) == 0 {
		return nil
	}
	return t.violations[0]
}

func (t tally) String() string {
	return fmt.Sprintf("kills %d, acknowledged %d, recovered as nothing %d, as all %d, violations %d", t.Kills, t.Acknowledged, t.Nothing, t.All, t.Violations)
}

// fresh notes a token that no OTP has come from.
func (c *campaign) fresh(token, eps string) { c.stands(token, eps, cmp.Or(c.waits, "active")) }

// stands notes what a token is acknowledged to be.
func (c *campaign) stands(token, eps, authServer string) {
	c.ledger[token] = conformance.Entry{Token: token, EPS: eps, AuthServer: authServer}
}

// reconcile compares the ledger with the books, and the books with each other.
func (c *campaign) reconcile(ctx context.Context) (int, error) {
	if c.down != nil {
		return 0, c.down
	}
	books, err := c.target.Books(ctx)
	if err != nil {
		return 0, err
	}
	found := 0
	for _, e := range books {
		if err := agreed(e); err != nil {
			return 0, err
		}
		want, ok := c.ledger[e.Token]
		if !ok {
			continue
		}
		found++
		if e.EPS != want.EPS || e.AuthServer != want.AuthServer {
			return 0, violated("token %s is %s at the EPS and %s at the authentication server; acknowledged was %s and %s", e.Token, e.EPS, e.AuthServer, want.EPS, want.AuthServer)
		}
	}
	if found < len(c.ledger) {
		return 0, violated("%d of %d acknowledged tokens are gone", len(c.ledger)-found, len(c.ledger))
	}
	return found, nil
}

// counterpart is what the authentication server says of a token in a state of the EPS, once
// no message waits.
var counterpart = map[string][]string{
	"issued": {"active", "inactive"}, "provisioned": {"active", "inactive", "locked"}, "active": {"active", "locked"}, "suspended": {"suspended"},
	"revoked": {"revoked"}, "cancelled": {"cancelled"},
}

// agreed says whether both sides agree about a token.
func agreed(e conformance.Entry) error {
	if e.Waiting > 0 {
		return violated("token %s: %d messages still wait for the authentication server", e.Token, e.Waiting)
	}
	for _, state := range counterpart[e.EPS] {
		if e.AuthServer == state {
			return nil
		}
	}
	return violated("token %s: the sides disagree: %q at the EPS, %q at the authentication server", e.Token, e.EPS, e.AuthServer)
}

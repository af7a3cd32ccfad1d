package rfc_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// challenger is the toy server with challenges, and with faults of its own.
type challenger struct {
	server
	users map[string]conformance.Seed
	asked map[string]question

	anyQuestion, noCounter, numbersOnTheLeft, forgetsThem bool
}

type question struct {
	text, client string
	used         bool
}

func (c *challenger) Capabilities() conformance.Capabilities {
	all := c.server.Capabilities()
	all[conformance.CanChallenge] = true
	return all
}

func (c *challenger) ImportSeed(ctx context.Context, seed conformance.Seed) (string, error) {
	if !strings.HasPrefix(seed.Suite, "OCRA-") {
		return c.server.ImportSeed(ctx, seed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users == nil {
		c.users, c.asked = map[string]conformance.Seed{}, map[string]question{}
	}
	c.users[seed.User] = seed
	return seed.User, nil
}

func (c *challenger) Challenge(_ context.Context, a conformance.Ask) (conformance.Challenge, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := conformance.Challenge{ID: rand.Text(), Question: a.Question}
	c.asked[out.ID] = question{text: a.Question, client: a.ClientQuestion}
	if a.ClientQuestion != "" {
		out.ServerResponse = c.response(a.User, a.ClientQuestion+a.Question, nil)
	}
	return out, nil
}

// response is computed as the suite says, or as a fault has it.
func (c *challenger) response(user, text string, pin []byte) string {
	seed := c.users[user]
	suite, err := oracle.ParseOCRA(seed.Suite)
	if err != nil {
		panic(err) // a suite of the vectors
	}
	in := oracle.OCRAInput{Counter: seed.Counter, Question: text, PINHash: pin, Moving: suite.Moving(c.now)}
	if c.noCounter {
		in.Counter = 0
	}
	if c.numbersOnTheLeft && suite.Format == 'N' {
		in.Question = "1" + text // any other number does
	}
	return suite.Response(seed.Secret, in)
}

func (c *challenger) Respond(_ context.Context, r conformance.Reply) (conformance.Validation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.asked[r.Challenge]
	right := c.response(r.User, q.text+q.client, c.users[r.User].PINHash) == r.Response
	accepted := !q.used && right || c.anyQuestion
	if !c.forgetsThem {
		q.used = true
	}
	c.asked[r.Challenge] = q
	return conformance.Validation{Accepted: accepted}, nil
}

const onChallenger = "RFC6287-appC-server"

func TestChallengerPasses(t *testing.T) {
	expect(t, judge(t, &challenger{}, onChallenger), conformance.Pass, 70)
}

func TestBrokenChallengers(t *testing.T) {
	for name, c := range map[string]struct {
		challenger *challenger
		says       string
		n          int
	}{
		"any question":      {&challenger{anyQuestion: true}, "a second time", 60},
		"forgets":           {&challenger{forgetsThem: true}, "a second time", 60},
		"no counter":        {&challenger{noCounter: true}, "is refused", 18},
		"numbers otherwise": {&challenger{numbersOnTheLeft: true}, "is refused", 40},
	} {
		t.Run(name, func(t *testing.T) {
			failures := judge(t, c.challenger, onChallenger)[conformance.Fail]
			if len(failures) != c.n {
				t.Errorf("%d cases fail, want %d", len(failures), c.n)
			}
			for _, f := range failures {
				if !strings.Contains(f.Observed, c.says) {
					t.Errorf("%s: %s", f.ID, f.Observed)
				}
			}
		})
	}
}

package mpp

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Unix(1_900_000_000, 0)

func newTestGate(perSource int) *gate {
	return newGate(Config{Rate: 10, Burst: 50, Running: 4, Waiting: 1000, PerSource: perSource})
}

// try makes one request that fails or not and gives its delay.
func (g *gate) try(t *testing.T, source string, failed bool, now time.Time) time.Duration {
	t.Helper()
	v, ok := g.enter(source, now)
	if !ok {
		t.Fatal("not let in")
	}
	g.leave(v, failed, now)
	return v.delay
}

func TestTheFirstFailuresAreNotDelayedAndTheNextAre(t *testing.T) {
	g := newTestGate(10)
	for i := range 50 {
		if d := g.try(t, "192.0.2.1", true, start); d != 0 {
			t.Fatalf("failure %d is delayed by %v", i, d)
		}
	}
	for want := 100 * time.Millisecond; want <= time.Second; want += 100 * time.Millisecond {
		if d := g.try(t, "192.0.2.1", true, start); (d - want).Abs() > time.Millisecond {
			t.Errorf("delayed by %v, want %v", d, want)
		}
	}
	if d := g.try(t, "192.0.2.2", true, start); d != 0 {
		t.Errorf("another address is delayed by %v", d)
	}
	if d := g.try(t, "192.0.2.1", false, start.Add(time.Minute)); d != 0 {
		t.Errorf("a minute later it is still delayed by %v", d)
	}
}

func TestSuccessesCostNothing(t *testing.T) {
	g := newTestGate(10)
	for range 1000 {
		if d := g.try(t, "192.0.2.1", false, start); d != 0 {
			t.Fatalf("delayed by %v", d)
		}
	}
}

func TestNobodyIsLockedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newTestGate(10)
		now := start
		for range rapid.IntRange(0, 300).Draw(t, "failures") {
			v, ok := g.enter("192.0.2.1", now)
			if !ok {
				t.Fatal("not let in")
			}
			now = now.Add(v.delay)
			g.leave(v, true, now)
		}
		// Whoever waited before each of his tries never waits longer than for one token.
		if v, ok := g.enter("192.0.2.1", now); !ok || v.delay > 101*time.Millisecond {
			t.Fatalf("let in %v after %v", ok, v.delay)
		}
	})
}

func TestOneAddressCannotFillTheRoom(t *testing.T) {
	g := newTestGate(10)
	for range 10 {
		if _, ok := g.enter("192.0.2.1", start); !ok {
			t.Fatal("not let in")
		}
	}
	if _, ok := g.enter("192.0.2.1", start); ok {
		t.Error("the eleventh of an address was let in")
	}
	if _, ok := g.enter("192.0.2.2", start); !ok {
		t.Error("another address was not")
	}
}

// flood has an address make as many requests as it is let.
func (g *gate) flood(source string, now time.Time) (in []visit) {
	for {
		v, ok := g.enter(source, now)
		if !ok {
			return in
		}
		in = append(in, v)
	}
}

// Four addresses with failures enough for the whole room, every tenth of a second anew.
func TestAnInnocentAddressIsLetInWhileOthersFlood(t *testing.T) {
	g := newGate(Config{Rate: 10, Burst: 50, Running: 4, Waiting: 1024, PerSource: 256})
	now, failed := start, 0
	type guest struct {
		visit
		until time.Time
	}
	var inside []guest
	for ; now.Before(start.Add(time.Minute)); now = now.Add(100 * time.Millisecond) {
		for i := range 4 {
			for _, v := range g.flood(fmt.Sprintf("192.0.2.%d", i), now) {
				inside = append(inside, guest{v, now.Add(v.delay)})
			}
		}
		v, ok := g.enter("192.0.2.9", now)
		if !ok || v.delay > 0 {
			t.Fatalf("after %v the fifth address is let in %v, after %v", now.Sub(start), ok, v.delay)
		}
		g.leave(v, false, now)
		inside = slices.DeleteFunc(inside, func(v guest) bool {
			over := !v.until.After(now)
			if over {
				failed++
				g.leave(v.visit, true, now)
			}
			return over
		})
	}
	// Each has its burst, and once those that it could have inside before the first failed.
	if most := 4 * (50 + 256 + 10*60); failed > most {
		t.Errorf("%d failures in a minute, at most %d are allowed", failed, most)
	}
}

func TestFewThatOweAreInsideAtOnce(t *testing.T) {
	g := newGate(Config{Rate: 10, Burst: 1, Running: 4, Waiting: 100, PerSource: 50})
	g.try(t, "192.0.2.1", true, start)
	if n := len(g.flood("192.0.2.1", start)); n != few {
		t.Errorf("%d of an address that owes are inside", n)
	}
	for i := range 20 {
		source := fmt.Sprintf("192.0.3.%d", i)
		g.try(t, source, true, start)
		g.flood(source, start)
	}
	if g.owing != 25 || g.inside != 25 {
		t.Errorf("%d that owe are inside, of %d", g.owing, g.inside)
	}
}

func TestDebtIsBounded(t *testing.T) {
	g := newTestGate(10)
	for range 1000 {
		g.try(t, "192.0.2.1", true, start)
	}
	if v, _ := g.enter("192.0.2.1", start); v.delay > 1100*time.Millisecond+time.Millisecond {
		t.Errorf("it waits %v", v.delay)
	}
}

func TestTheRoomIsBounded(t *testing.T) {
	g := newGate(Config{Rate: 10, Burst: 50, Running: 1, Waiting: 3, PerSource: 10})
	for i := range 4 {
		if _, ok := g.enter(fmt.Sprintf("192.0.2.%d", i), start); ok != (i < 3) {
			t.Errorf("request %d: let in %v", i, ok)
		}
	}
	if err := g.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if g.run(gone) == nil {
		t.Error("a second request runs beside the only one")
	}
	g.done()
}

func TestMemoryForAddressesIsBounded(t *testing.T) {
	g := newTestGate(10)
	for i := range maxOrigins + 100 {
		g.try(t, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), true, start)
	}
	if len(g.origins) != maxOrigins || g.order.Len() != maxOrigins {
		t.Errorf("%d addresses are kept", len(g.origins))
	}
	if g.find(addressOf("10.0.0.0")).bucket.TokensAt(start) != 50 {
		t.Error("the address that was unseen for longest is still there")
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:443": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "[2001:db8:1:2:ffff::1]:443": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
		"": "invalid IP", "@": "invalid IP",
	} {
		if have := addressOf(in).String(); have != want {
			t.Errorf("%q: have %s, want %s", in, have, want)
		}
	}
}

func TestRefusalsLeaveOnTheGrid(t *testing.T) {
	for _, c := range []struct{ elapsed, wait time.Duration }{
		{0, 100 * time.Millisecond}, {1, 100*time.Millisecond - 1}, {99 * time.Millisecond, time.Millisecond},
		{100 * time.Millisecond, 0}, {101 * time.Millisecond, 99 * time.Millisecond}, {time.Second + 1, 100*time.Millisecond - 1},
	} {
		if have := untilGrid(c.elapsed); have != c.wait {
			t.Errorf("after %v: waits %v, want %v", c.elapsed, have, c.wait)
		}
	}
}

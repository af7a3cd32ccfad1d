package mpp

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxOrigins bounds the memory for source addresses. Those that do not fit share one entry.
const maxOrigins = 1 << 16

// few is how many requests of an address that owes for failures are inside at once, and how
// many any address has in the part of the room that is kept for newcomers.
const few = 8

// gate lets requests in: so many at once, so many of one address, so many in the
// HSM. It delays an address that has failed too often and locks none out. A quarter of the
// room at most is for those who owe, and a quarter is kept for those who have few inside,
// so that a handful of addresses cannot shut out the others.
type gate struct {
	config Config
	slots  chan struct{} // requests in the HSM

	mu      sync.Mutex
	inside  int
	owing   int // of those inside
	origins map[netip.Addr]*list.Element
	order   *list.List // of *origin, the longest unseen last
	rest    *origin    // of all addresses that do not fit
}

// origin is a source address. A failure is paid for with a token of its bucket after
// it has happened; who has none left waits before the next request is looked at.
type origin struct {
	address netip.Addr
	bucket  *rate.Limiter
	inside  int
	owing   int // of those inside
}

// visit is one request that was let in.
type visit struct {
	from  *origin
	delay time.Duration
}

func newGate(c Config) *gate {
	return &gate{
		config: c, slots: make(chan struct{}, c.Running),
		origins: map[netip.Addr]*list.Element{}, order: list.New(),
		rest: &origin{bucket: rate.NewLimiter(c.Rate, c.Burst)},
	}
}

// owes says that the visit comes from who has failed too often.
func (v visit) owes() bool { return v.delay > 0 }

// enter says how long a request from source must wait, or that there is no room.
func (g *gate) enter(source string, now time.Time) (visit, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := g.find(addressOf(source))
	v := visit{o, debt(o.bucket, now)}
	if !g.room(v) {
		return visit{}, false
	}
	g.count(v, 1)
	return v, true
}

// room says whether one more visit may come in.
func (g *gate) room(v visit) bool {
	quarter := max(1, g.config.Waiting/4)
	switch {
	case g.inside >= g.config.Waiting || v.from.inside >= g.config.PerSource:
		return false
	case v.owes():
		return v.from.owing < few && g.owing < quarter && g.inside < g.config.Waiting-quarter
	case g.inside >= g.config.Waiting-quarter:
		return v.from.inside < few
	}
	return true
}

// count adds a visit, or takes it out with −1.
func (g *gate) count(v visit, n int) {
	g.inside += n
	v.from.inside += n
	if v.owes() {
		g.owing += n
		v.from.owing += n
	}
}

// debt is the time until the bucket holds a token.
func debt(b *rate.Limiter, now time.Time) time.Duration {
	short := 1 - b.TokensAt(now)
	if short <= 0 {
		return 0
	}
	return time.Duration(short / float64(b.Limit()) * float64(time.Second))
}

// leave ends a visit; one that failed is paid for. An address owes at most for as many
// failures as it can have inside: that bounds the delay, and takes nothing from the rate.
func (g *gate) leave(v visit, failed bool, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count(v, -1)
	if failed && v.from.bucket.TokensAt(now) > -float64(g.config.PerSource) {
		v.from.bucket.ReserveN(now, 1)
	}
}

// find gives the origin of an address and moves it to the front.
func (g *gate) find(a netip.Addr) *origin {
	if e, ok := g.origins[a]; ok {
		g.order.MoveToFront(e)
		return e.Value.(*origin)
	}
	if !a.IsValid() || len(g.origins) >= maxOrigins && !g.forget() {
		return g.rest
	}
	o := &origin{address: a, bucket: rate.NewLimiter(g.config.Rate, g.config.Burst)}
	g.origins[a] = g.order.PushFront(o)
	return o
}

// forget drops the origin that has not been seen for longest, unless it is inside.
func (g *gate) forget() bool {
	e := g.order.Back()
	o := e.Value.(*origin)
	if o.inside > 0 {
		return false
	}
	g.order.Remove(e)
	delete(g.origins, o.address)
	return true
}

// run waits for a place at the HSM; done gives it back.
func (g *gate) run(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) done() { <-g.slots }

// addressOf reads a source address, with or without a port. Whoever has an IPv6
// address has a whole /64, so that is one origin.
func addressOf(source string) netip.Addr {
	a, err := netip.ParseAddr(source)
	if p, portErr := netip.ParseAddrPort(source); portErr == nil {
		a, err = p.Addr(), nil
	}
	if err != nil {
		return netip.Addr{}
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	p, _ := a.Prefix(64) // 64 bits are there
	return p.Addr()
}

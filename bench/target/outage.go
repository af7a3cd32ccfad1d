package target

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/outage"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// patience of the servers, shorter than in production, so that outages take no longer than
// they must.
type patience struct {
	hsm  time.Duration // for one call to a token
	call time.Duration // for a call of a caller
}

var short = patience{hsm: 800 * time.Millisecond, call: 1200 * time.Millisecond}

// breaks are the layers before the tokens of a system, by slot.
type breaks struct {
	layers map[string]*outage.Layer
	faults map[string]*fault.Layer
	later  atomic.Int64 // ns that the scenarios' clock is ahead of the machine's
}

func newBreaks() *breaks {
	return &breaks{layers: map[string]*outage.Layer{}, faults: map[string]*fault.Layer{}}
}

func (b *breaks) before(slot string, m cryptoki.Module) (cryptoki.Module, error) {
	failing, err := fault.New(m, nil, fault.Options{Now: b.now})
	if err != nil {
		return nil, err
	}
	b.faults[slot] = failing
	b.layers[slot], m = outage.New(failing.Module())
	return m, nil
}

func (b *breaks) now() time.Time { return time.Now().Add(time.Duration(b.later.Load())) }

// fragile is a system whose parts can be taken away.
type fragile struct{ *system }

// Fragile implements conformance.Breaker.
func (s *system) Fragile(ctx context.Context) (conformance.Fragile, error) {
	o := s.options
	o.Dir = s.path("fragile")
	f := &system{
		options: o, dir: o.Dir, name: s.name, profile: s.profile, clock: s.clock, log: &journal{}, trace: &trace.Recorder{},
		hasty: true, breaks: newBreaks(), patience: short,
		openSlots:  func() (*slots, error) { return s.slots.beside(o.Dir) },
		openStores: openFragileStores,
	}
	if err := f.open(ctx); err != nil {
		return nil, fmt.Errorf("an EPS that can be broken: %w", err)
	}
	s.twins = append(s.twins, f)
	return fragile{f}, nil
}

// onToken is what is done to the token behind a layer. A nil back needs no mending.
type onToken func(l *outage.Layer, slot uint) (back func(), err error)

var tokenOutages = map[conformance.Outage]onToken{
	conformance.HSMGone: (*outage.Layer).Pull,
	conformance.HSMSessions: func(l *outage.Layer, slot uint) (func(), error) {
		return func() {}, l.CloseSessions(slot)
	},
	conformance.HSMLogin: func(l *outage.Layer, slot uint) (func(), error) {
		return func() {}, l.Logout(slot)
	},
	conformance.HSMSilent: func(l *outage.Layer, _ uint) (func(), error) {
		return l.Silence(), nil
	},
}

// Outages implements conformance.Fragile.
func (f fragile) Outages() []conformance.Outage {
	return slices.Sorted(slices.Values(slices.Concat(
		slices.Collect(maps.Keys(tokenOutages)), slices.Collect(maps.Keys(f.stores.breakages())))))
}

// Break implements conformance.Fragile.
func (f fragile) Break(ctx context.Context, o conformance.Outage, server string) (func(context.Context) error, error) {
	if take, ok := f.stores.breakages()[o]; ok {
		return take(ctx)
	}
	take, ok := tokenOutages[o]
	if !ok {
		return nil, fmt.Errorf("the outage %q cannot be carried out here", o)
	}
	var backs []func()
	mend := func(context.Context) error {
		for _, back := range backs {
			back()
		}
		return nil
	}
	for _, name := range databases { // the servers have the same names
		if server != "" && server != name {
			continue
		}
		back, err := take(f.breaks.layers[name], f.slots.ids[name])
		if err != nil {
			_ = mend(ctx) // it cannot fail
			return nil, fmt.Errorf("%s of %s: %w", o, name, err)
		}
		backs = append(backs, back)
	}
	return mend, nil
}

// Patience is that of a call, twice: the end of an enrolment is recorded whoever waits for
// it. The servers may overdraw it by that of one call to a token.
func (f fragile) Patience() time.Duration { return 2*f.patience.call + f.patience.hsm }

// Settle implements conformance.Fragile.
func (f fragile) Settle(ctx context.Context) error { return f.eps.Enroll().Flush(ctx) }

// Ready implements conformance.Fragile.
func (f fragile) Ready(ctx context.Context, server string) (conformance.Readiness, error) {
	address := f.eps.Addr("operations")
	if server == "authserver" {
		address = f.auth.Addr("operations")
	}
	a, err := exchange(ctx, f.clients.byName["admin"], http.MethodGet, "https://"+address+"/ready", "", nil)
	if err != nil {
		return conformance.Readiness{}, err
	}
	return readiness(a), nil
}

// readiness reads an answer: a problem document names the parts before colons.
func readiness(a conformance.Answer) conformance.Readiness {
	r := conformance.Readiness{Ready: a.Status == http.StatusOK, Raw: a.Body}
	var p struct{ Detail string }
	if json.Unmarshal(a.Body, &p) != nil {
		return r
	}
	for _, text := range strings.Split(p.Detail, "; ") {
		if name, _, found := strings.Cut(text, ": "); found && slices.Contains(parts, name) {
			r.Gone = append(r.Gone, name)
		}
	}
	return r
}

// parts are those that a server may name.
var parts = []string{"hsm", "store", "pairing"}

package mutants

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// answeringActivations gives what looks like a refusal where there is no route.
func answeringActivations(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wire.ActivationPath {
			h.ServeHTTP(w, r)
			return
		}
		answer := make([]byte, wire.ActivationSize)
		rand.Read(answer) // never fails
		w.Header().Set("Content-Type", wire.ContentType)
		_, _ = w.Write(answer) // the caller has gone
	})
}

// longerRefusals puts a byte behind the answers that have waited for the grid.
func longerRefusals(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		kept := &keptAnswer{ResponseWriter: w}
		h.ServeHTTP(kept, r)
		if r.URL.Path == wire.ActivationPath && time.Since(start) >= mpp.Quantum {
			kept.body.WriteByte(0)
			w.Header().Del("Content-Length")
		}
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes()) // the caller has gone
	})
}

func onPlugin(change func(enroll.AuthServer) enroll.AuthServer) func(*Seams) {
	return onTickets(func(p *enroll.Parts) { p.AuthServer = change(p.AuthServer) })
}

func onTickets(change func(*enroll.Parts)) func(*Seams) {
	return func(s *Seams) { s.Enroll = change }
}

// withoutTicketRule leaves out one of the rules by which an activation is judged.
func withoutTicketRule(name string) func(*enroll.Parts) {
	return func(p *enroll.Parts) {
		p.Tickets = slices.DeleteFunc(enroll.TicketRules(), func(r enroll.TicketRule) bool { return r.Name == name })
	}
}

// drawingForTickets asks the HSM for random bytes where there is a ticket.
func drawingForTickets(p *enroll.Parts) {
	p.Tickets = enroll.TicketRules()
	i := slices.IndexFunc(p.Tickets, func(r enroll.TicketRule) bool { return r.Name == "wrong ticket" })
	judged := p.Tickets[i].Broken
	p.Tickets[i].Broken = func(r enroll.TicketRow) bool {
		broken := judged(r)
		if r.Ticket.State != "" {
			_, err := io.ReadFull(p.Random, make([]byte, 16))
			broken = broken || err != nil
		}
		return broken
	}
}

// obliging takes every OTP that was judged for right.
type obliging struct{ enroll.AuthServer }

func (a obliging) Activate(ctx context.Context, key string, token reference.TokenID, t plugin.Attempt) error {
	err := a.AuthServer.Activate(ctx, key, token, t)
	if errors.Is(err, reference.ErrRefused) {
		return nil
	}
	return err
}

// relaying changes the message that has an OTP judged.
type relaying struct {
	enroll.AuthServer
	change func(key string, t plugin.Attempt) (string, plugin.Attempt)
}

func (a relaying) Activate(ctx context.Context, key string, token reference.TokenID, t plugin.Attempt) error {
	key, t = a.change(key, t)
	return a.AuthServer.Activate(ctx, key, token, t)
}

// welcoming grants whatever comes with a ticket that it has seen spent.
type welcoming struct {
	mpp.Activator
	mu    sync.Mutex
	spent map[string]bool
}

func (t *welcoming) Activate(ctx context.Context, a enroll.Activation) (bool, error) {
	ticket := string(a.Token) + string(a.Ticket)
	active, err := t.Activator.Activate(ctx, a)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spent[ticket] = t.spent[ticket] || active
	return t.spent[ticket], err
}

// tireless counts tries without a bound.
type tireless struct{ store.Tx }

func (tx tireless) TryTicket(token reference.TokenID, _ int, at time.Time) error {
	return tx.Tx.TryTicket(token, 1<<30, at)
}

// unforgetting keeps the try that has spent a ticket.
type unforgetting struct{ store.Tx }

func (unforgetting) ForgetTry(reference.TokenID) error { return nil }

// undying counts tries as of a time when the ticket was good.
type undying struct{ store.Tx }

func (tx undying) TryTicket(token reference.TokenID, most int, _ time.Time) error {
	return tx.Tx.TryTicket(token, most, time.Unix(0, 0).UTC())
}

type impatientPolicy struct{ authserver.Policy }

func (p impatientPolicy) InUse(c store.Credential) bool { return !c.Activated || p.Policy.InUse(c) }

type unmoved struct{ authserver.Policy }

func (p unmoved) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	next := p.Policy.Accept(s, c, moving, now)
	if !c.Activated {
		next.Counter = c.Counter
	}
	return next
}

// unlockingPolicy tries blocked tokens where they are to be activated.
type unlockingPolicy struct{ authserver.Policy }

func (p unlockingPolicy) Activates(c store.Credential) bool { return !c.Activated }

func (p unlockingPolicy) Locked(s oath.Suite, c store.Credential) bool {
	return c.State != blocked && p.Policy.Locked(s, c)
}

type freeTries struct{ authserver.Policy }

func (p freeTries) Fail(c store.Credential, tested int) store.Credential {
	if !c.Activated {
		return c
	}
	return p.Policy.Fail(c, tested)
}

type cleanSlate struct{ authserver.Policy }

func (p cleanSlate) Accept(s oath.Suite, c store.Credential, moving uint64, now time.Time) store.Credential {
	next := p.Policy.Accept(s, c, moving, now)
	if !c.Activated {
		next.FailedEver, next.Candidates = 0, 0
	}
	return next
}

type uncountedResponses struct{ authserver.Policy }

func (p uncountedResponses) Fail(c store.Credential, tested int) store.Credential {
	if tested == 1 {
		return c
	}
	return p.Policy.Fail(c, tested)
}
